# What Jobgate says about itself, read by the tools of others: `make check-documents`. DOCUMENTS_FLAGS goes to pytest.
EXTRA_DIST += \
	tests/documents/package.json \
	tests/documents/pytest.ini \
	tests/documents/test_documents.py

.PHONY: check-documents
check-documents: all
	JOBGATE_BUILD=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 $(PYTEST) $(srcdir)/tests/documents $(DOCUMENTS_FLAGS)
