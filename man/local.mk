# Manuals, in mdoc. Two are made from the tables that the programs read by; a page that speaks of two programs has two names.
noinst_PROGRAMS += man/configuration man/commands
man_configuration_SOURCES = man/configuration.c man/mdoc.c man/mdoc.h
man_configuration_LDADD = $(JOBGATE_LIBS)
man_commands_SOURCES = man/commands.c man/mdoc.c man/mdoc.h
man_commands_LDADD = $(CTL_LIBS)
dist_man_MANS = \
	man/jobgate-deliver.8 \
	man/jobgate-function.7 \
	man/jobgate-submit.8 \
	man/jobgate-worker.8 \
	man/jobgate.7
nodist_man_MANS = man/jobgate.conf.5 man/jobgatectl.1
EXTRA_DIST += man/jobgatectl.1.in
CLEANFILES += man/jobgate.conf.5 man/jobgatectl.1
man/jobgate.conf.5: man/configuration$(EXEEXT)
	$(AM_V_GEN)man/configuration$(EXEEXT) >$@.new && mv -f $@.new $@
man/jobgatectl.1: man/commands$(EXEEXT) man/jobgatectl.1.in
	$(AM_V_GEN)man/commands$(EXEEXT) <$(srcdir)/man/jobgatectl.1.in >$@.new && mv -f $@.new $@

install-data-hook:
	cd "$(DESTDIR)$(man8dir)" && ln -sf jobgate-submit.8 jobgate-status.8 && ln -sf jobgate-worker.8 jobgate-supervisor.8
uninstall-hook:
	cd "$(DESTDIR)$(man8dir)" && rm -f jobgate-status.8 jobgate-supervisor.8
