"""A power cut with syncs and, as the control, one with syncs that lie: were nothing lost there, that nothing is lost
with them would prove nothing."""

import time

import power
from client import NoAnswer
from faults import Faults
from installation import Installation

SECONDS = 2.0  # of load before the cut
SETTINGS = {"max_workers": "2", "idle_linger": "1s", "kill_grace": "1s"}


def compare(chance):
    """Prints both. True when the control has lost jobs and the other none."""
    lied_lost, lied_all = _lost_jobs(chance, syncs_lie=True)
    lost, every = _lost_jobs(chance, syncs_lie=False)
    print(f"power cut: control lost {lied_lost} of {lied_all}; with sync lost {lost} of {every}", flush=True)
    return lied_lost > 0 and lost == 0 and every > 0


def _lost_jobs(chance, syncs_lie):
    site = Installation(**SETTINGS)
    try:
        site.start()
        site.api.run(function="note")  # all tables and the log are there, and synced
        site.shim.orders.syncs_lie = syncs_lie
        accepted = _post_for(site.api, SECONDS)
        Faults(site, chance).end_all()
        power.cut(site.store, site.shim.shadow, None if syncs_lie else chance)
        site.shim.orders.syncs_lie = 0
        site.shim.boot()
        site.start()
        return sum(site.api.get(f"/job/{job_id}").status == 404 for job_id in accepted), len(accepted)
    finally:
        site.stop()


def _post_for(api, seconds):
    accepted, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            answer = api.post(event={}, function="note")
        except NoAnswer:
            continue
        if answer.status == 202:
            accepted.append(answer.json["jobId"])
    return accepted
