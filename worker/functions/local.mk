# The example functions: quickstart's, and a start for one's own.
functionsdir = $(pkglibexecdir)/functions
dist_functions_SCRIPTS = \
	worker/functions/job_handler \
	worker/functions/report.awk \
	worker/functions/thumbnail.pl \
	worker/functions/wordcount.py
functions_PROGRAMS = worker/functions/primes
worker_functions_primes_LDADD = $(JSON_LIBS)
