# The HTTP side: two programs out of one library. What only one of them links stands in a file of its own.
pkglibexec_PROGRAMS += cgi-bin/jobgate-submit cgi-bin/jobgate-status
noinst_LIBRARIES += cgi-bin/libjobgatehttp.a

cgi_bin_libjobgatehttp_a_SOURCES = \
	cgi-bin/application.c \
	cgi-bin/application.h \
	cgi-bin/committer.c \
	cgi-bin/committer.h \
	cgi-bin/description.c \
	cgi-bin/document_cache.c \
	cgi-bin/document_cache.h \
	cgi-bin/exchange.c \
	cgi-bin/exchange.h \
	cgi-bin/functions_list.c \
	cgi-bin/guard.c \
	cgi-bin/guard.h \
	cgi-bin/handlers.h \
	cgi-bin/health.c \
	cgi-bin/job_cancel.c \
	cgi-bin/job_list.c \
	cgi-bin/job_parts.c \
	cgi-bin/job_retry.c \
	cgi-bin/job_show.c \
	cgi-bin/job_submit.c \
	cgi-bin/metrics.c \
	cgi-bin/pool.c \
	cgi-bin/pool.h \
	cgi-bin/preference.c \
	cgi-bin/preference.h \
	cgi-bin/program.c \
	cgi-bin/program.h \
	cgi-bin/request.c \
	cgi-bin/request.h \
	cgi-bin/response.c \
	cgi-bin/response.h \
	cgi-bin/result_answer.c \
	cgi-bin/result_answer.h \
	cgi-bin/router.c \
	cgi-bin/router.h \
	cgi-bin/service.c \
	cgi-bin/service.h \
	cgi-bin/service_expire.c \
	cgi-bin/submission.c \
	cgi-bin/submission.h \
	cgi-bin/transport.h \
	cgi-bin/transport_cgi.c \
	cgi-bin/transport_fastcgi.c \
	cgi-bin/waiters.c \
	cgi-bin/waiters.h

cgi_bin_jobgate_submit_SOURCES = cgi-bin/submit_main.c
cgi_bin_jobgate_submit_LDFLAGS = $(AM_LDFLAGS) $(HTTP_LDFLAGS)
cgi_bin_jobgate_submit_LDADD = cgi-bin/libjobgatehttp.a lib/libjobgate.a $(HTTP_LIBS)
cgi_bin_jobgate_status_SOURCES = cgi-bin/status_main.c
cgi_bin_jobgate_status_LDFLAGS = $(AM_LDFLAGS) $(HTTP_LDFLAGS)
cgi_bin_jobgate_status_LDADD = cgi-bin/libjobgatehttp.a lib/libjobgate.a $(HTTP_LIBS)

# The OpenAPI document as a C string, a line of it on a line.
BUILT_SOURCES += cgi-bin/openapi_text.h
CLEANFILES += cgi-bin/openapi_text.h
EXTRA_DIST += cgi-bin/openapi.json
AM_CPPFLAGS += -Icgi-bin
cgi-bin/openapi_text.h: cgi-bin/openapi.json
	$(AM_V_GEN)$(MKDIR_P) cgi-bin && sed -e 's/^ *//' -e 's/[\\"]/\\&/g' -e 's/.*/"&"/' $(srcdir)/cgi-bin/openapi.json >$@.new && mv $@.new $@
cgi-bin/description.$(OBJEXT): cgi-bin/openapi_text.h

EXTRA_DIST += cgi-bin/README.md
