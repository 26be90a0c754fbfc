# Configuration files. Those of the web servers are filled when they are installed: only then all folders are known.
conf_templates = \
	apache-cgi.conf \
	apache-fcgid.conf \
	htaccess \
	lighttpd.conf \
	nginx.conf \
	status.fcgi \
	submit.fcgi
EXTRA_DIST += \
	conf/fill \
	conf/apache-alone.conf.in \
	conf/apache-cgi.conf.in \
	conf/apache-fcgid.conf.in \
	conf/htaccess.in \
	conf/lighttpd-alone.conf.in \
	conf/lighttpd.conf.in \
	conf/nginx-alone.conf.in \
	conf/nginx.conf.in \
	conf/status.fcgi.in \
	conf/submit.fcgi.in
confdir = $(sysconfdir)/jobgate

# A file that is there and differs was edited: the new one is laid beside it as FILE.new.
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(confdir)"
	@for file in $(conf_templates); do \
	  target="$(DESTDIR)$(confdir)/$$file"; \
	  $(srcdir)/conf/fill programs="$(pkglibexecdir)" configuration="$(confdir)/jobgate.conf" parts="$(confdir)" www="$(wwwdir)" \
	    sockets="$(runstatedir)/jobgate" <"$(srcdir)/conf/$$file.in" >"$$target.new" || exit 1; \
	  if test -f "$$target" && ! cmp -s "$$target" "$$target.new"; then \
	    echo "$$target was edited and stays: compare it with $$target.new"; \
	  else \
	    mv -f "$$target.new" "$$target" || exit 1; \
	  fi; \
	  case $$file in *.fcgi) chmod 755 "$$target" ;; *) chmod 644 "$$target" ;; esac; \
	done

uninstall-local:
	cd "$(DESTDIR)$(confdir)" && rm -f $(conf_templates)
