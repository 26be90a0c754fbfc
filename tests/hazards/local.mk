# Whether each hazard's test notices when the protection is taken out: `make hazards`, `make hazards HAZARDS='4 14'`.
EXTRA_DIST += tests/hazards/rows.py tests/hazards/run.py

.PHONY: hazards
hazards:
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 $(srcdir)/tests/hazards/run.py $(HAZARDS)
