# The status page: static files, served by the web server itself.
wwwdir = $(pkgdatadir)/www
wwwjsdir = $(wwwdir)/js
dist_www_DATA = \
	www/icon-failed.svg \
	www/icon-running.svg \
	www/icon.svg \
	www/index.html \
	www/style.css
dist_wwwjs_DATA = \
	www/js/api.js \
	www/js/chart.js \
	www/js/charts.js \
	www/js/confirm.js \
	www/js/content_view.js \
	www/js/dom.js \
	www/js/download.js \
	www/js/format.js \
	www/js/job.js \
	www/js/job_parts.js \
	www/js/json_position.js \
	www/js/json_view.js \
	www/js/list.js \
	www/js/list_table.js \
	www/js/live.js \
	www/js/log_view.js \
	www/js/main.js \
	www/js/message.js \
	www/js/new.js \
	www/js/search.js \
	www/js/settings.js \
	www/js/theme.js \
	www/js/timeline.js \
	www/js/title.js
