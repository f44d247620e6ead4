# make && make install: the extension and the program pii-keyring. Development builds and tests: CMakeLists.txt and
# script/test.

MODULE_big = pii
EXTENSION = pii
DATA = sql/pii--0.1.0.sql
PGFILEDESC = "pii - columns of personal data, safe by their type"

core_objects = $(patsubst %.cpp, %.o, $(sort $(wildcard src/core/*.cpp)))
pg_objects = $(patsubst %.cpp, %.o, $(sort $(wildcard src/pg/*.cpp)))
cli_objects = $(patsubst %.cpp, %.o, $(wildcard src/cli/*.cpp))
OBJS = $(core_objects) $(pg_objects)

REGRESS = setup input output types shapes keyring errors legacy blind_index search words documents privileges inventory adoption attributes
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
