# Configuration files. Those of the web servers are filled when they are installed: only then all folders are known.
# `make install JOBGATE_USER=…`: the user that the web server runs its programs as.
JOBGATE_USER = www-data
confdir = $(sysconfdir)/jobgate
conf_templates = \
	apache-cgi.conf \
	apache-fcgid.conf \
	cron \
	htaccess \
	lighttpd.conf \
	nginx.conf \
	status.fcgi \
	submit.fcgi \
	systemd/jobgate-status.service \
	systemd/jobgate-status.socket \
	systemd/jobgate-submit.service \
	systemd/jobgate-submit.socket \
	systemd/tmpfiles.conf
noinst_PROGRAMS += conf/template
conf_template_LDADD = $(JOBGATE_LIBS)
noinst_DATA = conf/jobgate.conf
CLEANFILES += conf/jobgate.conf
conf/jobgate.conf: conf/template$(EXEEXT)
	$(AM_V_GEN)conf/template$(EXEEXT) >$@.new && mv -f $@.new $@

systemdconfdir = $(confdir)/systemd
dist_systemdconf_DATA = conf/systemd/keep-workers.conf
EXTRA_DIST += \
	conf/fill \
	conf/apache-alone.conf.in \
	conf/apache-cgi.conf.in \
	conf/apache-fcgid.conf.in \
	conf/cron.in \
	conf/htaccess.in \
	conf/lighttpd-alone.conf.in \
	conf/lighttpd.conf.in \
	conf/nginx-alone.conf.in \
	conf/nginx.conf.in \
	conf/status.fcgi.in \
	conf/submit.fcgi.in \
	conf/systemd/jobgate-status.service.in \
	conf/systemd/jobgate-status.socket.in \
	conf/systemd/jobgate-submit.service.in \
	conf/systemd/jobgate-submit.socket.in \
	conf/systemd/tmpfiles.conf.in

# A file that is there and differs was edited: the new one is laid beside it as FILE.new.
install-data-local: conf/jobgate.conf
	$(MKDIR_P) "$(DESTDIR)$(systemdconfdir)" "$(DESTDIR)$(confdir)/functions"
	@for file in jobgate.conf $(conf_templates); do \
	  target="$(DESTDIR)$(confdir)/$$file"; \
	  case $$file in \
	  jobgate.conf) cat conf/jobgate.conf >"$$target.new" || exit 1 ;; \
	  *) $(srcdir)/conf/fill programs="$(pkglibexecdir)" configuration="$(confdir)/jobgate.conf" parts="$(confdir)" \
	      sockets="$(runstatedir)/jobgate" www="$(wwwdir)" user="$(JOBGATE_USER)" \
	      <"$(srcdir)/conf/$$file.in" >"$$target.new" || exit 1 ;; \
	  esac; \
	  case $$file in *.fcgi) chmod 755 "$$target.new" ;; *) chmod 644 "$$target.new" ;; esac; \
	  if test -f "$$target" && ! cmp -s "$$target" "$$target.new"; then \
	    echo "$$target was edited and stays; the new one is $$target.new"; \
	  else \
	    mv -f "$$target.new" "$$target" || exit 1; \
	  fi; \
	done

uninstall-local:
	cd "$(DESTDIR)$(confdir)" && rm -f $(conf_templates)
	if cmp -s conf/jobgate.conf "$(DESTDIR)$(confdir)/jobgate.conf"; then rm -f "$(DESTDIR)$(confdir)/jobgate.conf"; fi
