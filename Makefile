# make && make install: the extension and the program pii-keyring. Development builds and tests: CMakeLists.txt and
# script/test.

MODULE_big = pii
EXTENSION = pii
DATA = sql/pii--0.1.0.sql
PGFILEDESC = "pii - columns of personal data, safe by their type"

core_objects = $(addprefix src/core/, aead.o base64.o blind_index.o canary.o document_path.o index_advice.o key_derivation.o \
  key_source.o key_table.o keyring.o keyring_json.o log_text.o mask.o normalize.o pii_class.o plan_text.o protect.o \
  random.o sealed_text.o sealed_value.o search_form.o secret_json.o self_test.o shape.o sql_text.o unicode_form.o wiping_delete.o wrapped_keyring.o)
pg_objects = $(addprefix src/pg/, access_counters.o access_log.o adopted_column.o alter_column.o analyze.o audit.o blind_index.o boundary.o catalog_views.o column_status.o condition_rewrite.o document_index.o document_search.o document_trigger.o document_walk.o encoding.o \
  expression_guard.o functions.o grants.o hidden_text.o incoming_value.o index_check.o index_expression.o index_guard.o index_version.o job_row.o job_run.o job_table.o job_worker.o jobs.o json_document.o json_value.o keeper.o keyring_load.o keyring_reload.o log_guard.o mixed_plan.o module.o own_function.o own_table.o planner_support.o \
  presence.o prepared_result.o privileges.o reader_view.o replicated_write.o report.o sweep.o sweep_phase.o sweep_procedure.o sweep_target.o sweep_update.o sealed_column.o search.o settings.o shared_keys.o statement.o type_io.o type_modifier.o unique_index.o values.o verify.o word_search.o write_mode.o)
cli_objects = $(patsubst %.cpp, %.o, $(wildcard src/cli/*.cpp))
OBJS = $(core_objects) $(pg_objects)

REGRESS = setup input output types shapes keyring errors legacy blind_index search words documents privileges
REGRESS_OPTS = --inputdir=. --outputdir=$(or $(REGRESS_OUTPUT),.)

SHLIB_LINK = -licuuc -lcrypto -lstdc++ -Wl,-Bsymbolic
EXTRA_CLEAN = pii-keyring $(cli_objects)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
# Bitcode for inlining into queries would be made with clang and other flags; the functions are too big to inline.
override with_llvm := no
include $(PGXS)
CONTRIB_TESTDB = pii_regression

# Two rules instead of PGXS's one: the core is compiled without PostgreSQL's include path, so that it cannot use it. GNU
# dialect: PostgreSQL's headers use typeof. Hidden symbols: a server process loads other C++ libraries too.
common_flags = -std=gnu++20 -O2 -g -Wall -Wextra -Werror -fPIC -fvisibility=hidden -fvisibility-inlines-hidden \
  -fno-gnu-unique -fstack-protector-strong -D_FORTIFY_SOURCE=2 -MMD -MP $(PII_CXXFLAGS)

src/core/%.o: src/core/%.cpp
	$(CXX) $(common_flags) -c -o $@ $<

src/cli/%.o: src/cli/%.cpp
	$(CXX) $(common_flags) -Isrc/core -c -o $@ $<

src/pg/%.o: src/pg/%.cpp
	$(CXX) $(common_flags) -Wno-register -Isrc/core -isystem $(includedir_server) -isystem $(includedir_internal) -c -o $@ $<

pii-keyring: $(cli_objects) $(core_objects)
	$(CXX) -o $@ $^ -licuuc -lcrypto

all: pii-keyring
install: install-keyring
install-keyring: pii-keyring
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) pii-keyring '$(DESTDIR)$(bindir)/'
uninstall: uninstall-keyring
uninstall-keyring:
	rm -f '$(DESTDIR)$(bindir)/pii-keyring'
clean: clean-dependencies
clean-dependencies:
	rm -f $(OBJS:.o=.d) $(cli_objects:.o=.d)

.PHONY: install-keyring uninstall-keyring clean-dependencies

-include $(OBJS:.o=.d) $(cli_objects:.o=.d)
