/* handlers.h - one function for each route
 *
 * Each fills exchange->response, always. Those that read live in the status program, those that write in
 * submit; the files are linked one by one, so that the reading program has none of the writing code in it. */
#ifndef JOBGATE_HANDLERS_H
#define JOBGATE_HANDLERS_H

#include "exchange.h"

/* GET */
void job_show(struct exchange *exchange);         /* /job/{id}, ?wait= */
void job_list(struct exchange *exchange);         /* /job, ?status= &function= &id= &limit= &cursor= */
void job_result(struct exchange *exchange);       /* /job/{id}/result */
void job_log(struct exchange *exchange);          /* /job/{id}/log, ?offset= */
void job_event_show(struct exchange *exchange);   /* /job/{id}/event */
void functions_list(struct exchange *exchange);   /* /functions */
void description_show(struct exchange *exchange); /* /openapi.json */
void metrics_show(struct exchange *exchange);     /* /metrics */
void stats_show(struct exchange *exchange);       /* /stats, ?window=hour|day */
void health_alive(struct exchange *exchange);     /* /healthz */
void health_ready(struct exchange *exchange);     /* /readyz */

/* POST, DELETE */
void job_submit(struct exchange *exchange); /* /job, ?function= &delay= */
void job_cancel(struct exchange *exchange); /* /job/{id}, ?reason= or ?purge=true */
void job_retry(struct exchange *exchange);  /* /job/{id}/retry */

#endif
