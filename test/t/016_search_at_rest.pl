# What makes values searchable shows none of them: not the indexes, the statistics, the WAL, the plans nor the errors,
# neither as plaintext nor as a hash that anybody without a key could compute. And the indexes live through what happens
# to a server: a locked keyring, damaged rows, dump and restore, replication, crashes.

use strict;
use warnings;

use Digest::MD5 qw(md5);
use Digest::SHA qw(sha1 sha224 sha256 sha384 sha512);
use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->new('main');
$node->init(allows_streaming => 1, conf => <<'CONF');
autovacuum = off
wal_keep_size = 1GB
max_wal_size = 4GB
checkpoint_timeout = 1h
CONF
$node->start;
my $pgdata = $node->pgdata;
my $connect = sub { my ($database) = @_; return ('-d', $node->connstr($database // 'postgres')) };

# ---------------------------------------------------------------------------------------------------------------------
# Values to look for, in classes that normalise them in different ways, each many times so that statistics would keep it;
# and plain ones of the same kind, which the search has to find.

my $distinct = 12;
my $rows = 600;
my (%values, %control);
foreach my $i (0 .. $distinct - 1)
{
	my $letter = chr(ord('A') + $i);
	push @{ $values{ssn} },   sprintf '9%02d-45-%04d', 12 + $i, 6700 + $i;
	push @{ $values{email} }, "Ann.Testperson-$letter\@Marker-Example.org";
	push @{ $values{name} },  "Maximiliane Testerin-N$letter";
	push @{ $control{ssn} },   sprintf '8%02d-54-%04d', 12 + $i, 7600 + $i;
	push @{ $control{email} }, "Bob.Controlperson-$letter\@Marker-Example.net";
	push @{ $control{name} },  "Wilhelmine Kontrollerin-N$letter";
}

# The ways in which something could write a value before it hashes it.
sub spellings_of
{
	my ($value) = @_;
	(my $digits  = $value) =~ s/\D//g;
	(my $letters = $value) =~ s/[^A-Za-z0-9]//g;
	(my $significant = lc $letters) =~ s/0//g;
	my @spellings = ($value, lc $value, uc $value, $letters, lc $letters, $significant, "exact\0" . lc $value, "exact\0$digits");
	push @spellings, $digits if length $digits >= 9;
	push @spellings, split /\W+/, lc $value;    # words
	push @spellings, substr($value, -4), lc($value =~ s/.*@//r);
	my %seen;
	return grep { length >= 4 && !$seen{$_}++ } @spellings;
}

# Plaintext, and unkeyed hashes: raw, and in hexadecimal digits. Eight bytes of a hash, for a blind index cuts them, too.
sub needles_of
{
	my ($set) = @_;
	my %needles;
	foreach my $value (map { @$_ } values %$set)
	{
		foreach my $spelling (spellings_of($value))
		{
			$needles{"plaintext $spelling"} = $spelling if length $spelling >= 9;
			my %hashes = (md5 => md5($spelling), sha1 => sha1($spelling), sha224 => sha224($spelling), sha256 => sha256($spelling),
				sha384 => sha384($spelling), sha512 => sha512($spelling));
			foreach my $hash (keys %hashes)
			{
				$needles{"$hash of $spelling"}          = substr $hashes{$hash}, 0, 8;
				$needles{"$hash of $spelling, in hex"}  = unpack 'H16', $hashes{$hash};
				$needles{"$hash of $spelling, in HEX"}  = uc unpack 'H16', $hashes{$hash};
			}
		}
	}
	return %needles;
}

my %needles = needles_of(\%values);
my %control_needles = needles_of(\%control);
delete @needles{ grep { exists $control_needles{$_} } keys %needles };    # words that both have
cmp_ok(scalar(keys %needles), '>', 2000, 'there is much to look for');

# Sealed twins and plain ones
my $list = sub { my ($set, $class) = @_; return 'ARRAY[' . join(',', map { "'$_'" } @{ $set->{$class} }) . ']' };
$node->safe_psql('postgres', qq{
	CREATE EXTENSION pii;
	CREATE TYPE person AS (ssn pii_text(ssn), n int);
	CREATE DOMAIN ssn_domain AS pii_text(ssn);
	CREATE DOMAIN ssn_array AS pii_text(ssn)[];
	CREATE TABLE people (id int, grp int, ssn pii_text(ssn), email pii_text(email), name pii_text(name), nothing pii_text(ssn),
		unsure pii_text(ssn), by_domain ssn_domain, list pii_text(ssn)[], list_by_domain ssn_array, row_of person, rows_of person[], no_class pii_text,
		ssn_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(ssn)) STORED,
		name_words pii_blind_index[] GENERATED ALWAYS AS (pii_word_index(name)) STORED);
	INSERT INTO people SELECT i, i % $distinct, s, e, n, NULL, CASE WHEN i % 4 > 0 THEN s END, s, ARRAY[s, s], ARRAY[s],
			ROW(s, 1)::person, ARRAY[ROW(s, 1)::person], e
		FROM generate_series(1, $rows) i, LATERAL (SELECT (${\ $list->(\%values, 'ssn')})[i % $distinct + 1] AS s,
			(${\ $list->(\%values, 'email')})[i % $distinct + 1] AS e, (${\ $list->(\%values, 'name')})[i % $distinct + 1] AS n) v;
	CREATE INDEX ssn_tree ON people (pii_blind_index(ssn));
	CREATE INDEX email_tree ON people (pii_blind_index(email)) WHERE id > 0;
	CREATE INDEX ssn_last4 ON people (pii_blind_index(ssn, 'last4'), grp);
	CREATE INDEX email_domain ON people USING hash (pii_blind_index(email, 'domain'));
	CREATE INDEX email_hash_of_index ON people USING hash (pii_blind_index(email));
	CREATE INDEX ssn_hash ON people USING hash (ssn);
	CREATE INDEX email_hash ON people USING hash (email);
	CREATE INDEX name_gin ON people USING gin (pii_word_index(name));
	CREATE INDEX name_words_gin ON people USING gin (name_words);
	CREATE INDEX index_column ON people (ssn_index);
	CREATE INDEX no_class_tree ON people (pii_blind_index(no_class));
	CREATE INDEX domain_tree ON people (pii_blind_index(by_domain));
	CREATE TABLE parted (id int, ssn pii_text(ssn)) PARTITION BY HASH (ssn);
	CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	CREATE INDEX parted_index ON parted (pii_blind_index(ssn));
	INSERT INTO parted SELECT id, ssn FROM people;
	CREATE TABLE mixed_index (id int, ssn pii_text(ssn), plain text);
	INSERT INTO mixed_index SELECT id, ssn, 'word ' || id % 5 FROM people;
	CREATE INDEX mixed ON mixed_index (pii_blind_index(ssn), lower(plain));
	CREATE TABLE customers (id int, email pii_text(email), ssn pii_text(ssn), EXCLUDE USING hash (ssn WITH =),
		email_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED UNIQUE);
	CREATE TABLE orders (id int, email pii_text(email),
		email_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED REFERENCES customers (email_index));
	INSERT INTO customers SELECT DISTINCT ON (grp) grp, email, ssn FROM people;
	INSERT INTO orders SELECT id, email FROM people WHERE id <= 100;
	CREATE TABLE control (id int, ssn text, email text, name text);
	INSERT INTO control SELECT i, (${\ $list->(\%control, 'ssn')})[i % $distinct + 1],
		(${\ $list->(\%control, 'email')})[i % $distinct + 1],
		(${\ $list->(\%control, 'name')})[i % $distinct + 1] FROM generate_series(1, $rows) i;
	CREATE INDEX control_ssn ON control USING hash (md5(ssn));
	CREATE INDEX control_hash ON control USING hash (ssn);
	CREATE INDEX control_email ON control (sha256(lower(email)::bytea));
	CREATE INDEX control_md5 ON control (md5(lower(email)))});

# Every value is there.
$node->gives("SELECT count(*) FROM people WHERE ssn = ANY (${\ $list->(\%values, 'ssn')})
	AND email = ANY (${\ $list->(\%values, 'email')})
	AND name = ANY (${\ $list->(\%values, 'name')}) AND id > 0", $rows, 'the values are in the table');

# ---------------------------------------------------------------------------------------------------------------------
# Statistics

sub statistics_of
{
	my ($condition) = @_;
	return $node->safe_psql('postgres',
		"SELECT c.relname || '.' || a.attname FROM pg_statistic s JOIN pg_class c ON c.oid = s.starelid
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = s.staattnum WHERE c.relnamespace = 'public'::regnamespace
			AND ($condition) ORDER BY 1");
}

my $no_values = q{s.stavalues1 IS NULL AND s.stavalues2 IS NULL AND s.stavalues3 IS NULL AND s.stavalues4 IS NULL
	AND s.stavalues5 IS NULL};
my $no_slots  = q{0 = ALL (ARRAY[s.stakind1, s.stakind2, s.stakind3, s.stakind4, s.stakind5])};
my $of_a_value = q{a.atttypid IN ('pii_text'::regtype, 'pii_text[]'::regtype, 'pii_blind_index'::regtype,
	'pii_blind_index[]'::regtype, 'ssn_domain'::regtype, 'ssn_array'::regtype)};
$node->succeeds('ANALYZE', 'ANALYZE with keys');
is(statistics_of("$of_a_value AND NOT ($no_slots AND $no_values)"), '',
	'statistics of sealed columns and blind indexes hold no value, hash or histogram');
# PostgreSQL keeps some rows of a row type, and nothing can be told to it. They are sealed as in the table (the files are
# searched below), and shown in the form of the view.
like(statistics_of(q{a.atttypid IN ('person'::regtype, 'person[]'::regtype) AND NOT (} . "$no_values)"), qr/people\.rows?_of/,
	'those of rows with a sealed column do, as README.md says');
unlike($node->safe_psql('postgres', "SET pii.view = masked;
	SELECT most_common_vals FROM pg_stats WHERE attname IN ('row_of', 'rows_of')"),
	qr/\d{3}-?\d\d-?\d{4}/, 'and obey the view');
is(statistics_of("$of_a_value AND c.relkind = 'i'"), '', 'there are none of index expressions');
like(statistics_of("NOT ($no_values)"), qr/control\.email.*control_email\.sha256.*control_md5\.md5/s,
	'there are those of plain columns and index expressions');
$node->gives(q{SELECT string_agg(tablename || '.' || attname, ', ') FROM pg_stats WHERE schemaname = 'public'
	AND tablename IN ('people', 'parted', 'customers') AND attname NOT IN ('id', 'grp', 'row_of', 'rows_of')
	AND (most_common_vals IS NOT NULL OR histogram_bounds IS NOT NULL OR most_common_elems IS NOT NULL
		OR elem_count_histogram IS NOT NULL OR correlation IS NOT NULL OR most_common_freqs IS NOT NULL)}, '',
	'pg_stats shows no value either');
$node->gives(q{SELECT string_agg(attname || ' ' || null_frac || ' ' || n_distinct, ', ' ORDER BY attname)
	FROM pg_stats WHERE tablename = 'people'
	AND attname IN ('ssn', 'email', 'name', 'nothing', 'unsure', 'by_domain', 'no_class', 'ssn_index')},
	'by_domain 0 12, email 0 12, name 0 0, no_class 0 12, nothing 1 0, ssn 0 12, ssn_index 0 12, unsure 0.25 0',
	'fractions of NULLs and, of columns with a blind index, numbers of distinct values are right');
$node->gives(q{SELECT avg_width BETWEEN 57 AND 60 FROM pg_stats WHERE tablename = 'people' AND attname = 'ssn'}, 't',
	'and the width');
$node->gives(q{CREATE TABLE spelled (id int, ssn pii_text(ssn)); CREATE INDEX ON spelled (pii_blind_index(ssn));
	INSERT INTO spelled SELECT i, CASE i % 3 WHEN 0 THEN '912-45-' WHEN 1 THEN '91245' ELSE '912 45 ' END || to_char(i / 3, 'FM0000')
		FROM generate_series(0, 299) i;
	ANALYZE spelled; SELECT n_distinct FROM pg_stats WHERE tablename = 'spelled' AND attname = 'ssn'}, '-0.33333334',
	'spellings of a value count as one');
$node->gives(q{TRUNCATE spelled; INSERT INTO spelled SELECT i, i::text FROM generate_series(1, 300) i; ANALYZE spelled;
	SELECT n_distinct FROM pg_stats WHERE tablename = 'spelled' AND attname = 'ssn'}, '-1', 'unique values are unique');

# Extended statistics, of columns and of expressions. An index value is not a value; but how often it comes is what
# a reader of the catalog could lay beside a list of how common values are.
$node->safe_psql('postgres', q{
	CREATE TABLE extended (id int, grp int, ssn pii_text(ssn),
		ssn_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(ssn)) STORED);
	INSERT INTO extended SELECT id, grp, ssn FROM people});
my @statistics = ('ssn_index, grp', '(pii_blind_index(ssn)), grp', '(pii_blind_index(ssn))');
foreach my $i (0 .. $#statistics)
{
	my ($status, undef, $error) = $node->sql("CREATE STATISTICS extended_$i ON $statistics[$i] FROM extended; ANALYZE extended");
	if ($status != 0)
	{
		like($error, qr/0A000/, "extended statistics on $statistics[$i] are refused");
		next;
	}
	$node->gives("SELECT coalesce(octet_length(stxdmcv::bytea), 0),
			coalesce((SELECT bool_or((e::pg_statistic).stakind1 <> 0) FROM unnest(stxdexpr) e), false)
		FROM pg_statistic_ext_data d JOIN pg_statistic_ext s ON s.oid = d.stxoid WHERE stxname = 'extended_$i'", '0|f',
		"extended statistics on $statistics[$i] keep no most common hashes");
}

# ---------------------------------------------------------------------------------------------------------------------
# Files

$node->safe_psql('postgres', 'CHECKPOINT');
my %relations = map { my ($name, $path) = split /\|/; $path ? ($name => "$pgdata/$path") : () }
  split /\n/, $node->safe_psql('postgres', q{
	SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't', 'm')
		AND (relnamespace = 'public'::regnamespace OR relname IN ('pg_statistic', 'pg_toast_2619', 'pg_statistic_ext_data',
			'pg_proc', 'pg_rewrite', 'pg_attrdef'))});
my @wal = grep { m{/[0-9A-F]{24}\z} } files_below("$pgdata/pg_wal");
cmp_ok(scalar(keys %relations), '>', 30, 'there are files of tables, indexes and catalogs');
cmp_ok(scalar(@wal), '>', 0, 'and WAL');
is(join("\n", search_files(\%needles, values %relations)), '',
	'tables, indexes and statistics hold no value and no unkeyed hash of one');
is(join("\n", search_files(\%needles, @wal)), '', 'nor does the WAL');
my $hits = join "\n", search_files(\%control_needles, values %relations, @wal);
like($hits, qr/plaintext \Q$control{ssn}[3]\E in $relations{control}$/m, 'the search finds plaintext in a table');
like($hits, qr/sha256 of \Q${\ lc $control{email}[3]}\E in $relations{control_email}$/m, 'the search finds a raw hash in an index');
like($hits, qr/md5 of \Q${\ lc $control{email}[3]}\E, in hex in $relations{control_md5}$/m,
	'the search finds a hash in hex in an index');
like($hits, qr/md5 of .*in $relations{pg_statistic}$/m, 'the search finds a hash in pg_statistic');
like($hits, qr/plaintext .*in $relations{pg_statistic}$/m, 'the search finds plaintext in pg_statistic');
like($hits, qr/plaintext .*pg_wal/, 'the search finds plaintext in the WAL');
like($hits, qr/sha256 .*pg_wal/, 'the search finds a raw hash in the WAL');
unlike($hits, qr/$relations{people}$|$relations{ssn_tree}$/m, 'the search finds control values where they are alone');

# Hash codes of four bytes: too short to look for in files, so as pageinspect reads them in hash indexes.
SKIP:
{
	skip 'pageinspect is not installed', 8
	  unless $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pageinspect'});
	$node->safe_psql('postgres', q{
		CREATE EXTENSION pageinspect;
		CREATE FUNCTION codes(index text) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
		DECLARE page bytea;
		BEGIN
			FOR i IN 1 .. pg_relation_size(index) / current_setting('block_size')::int - 1 LOOP
				page := get_raw_page(index, i::int);
				IF hash_page_type(page) IN ('bucket', 'overflow') THEN RETURN QUERY SELECT data FROM hash_page_items(page); END IF;
			END LOOP;
		END $$});
	my $codes = sub { return map { $_ => 1 } split /\n/, $node->safe_psql('postgres', "SELECT DISTINCT codes('$_[0]')") };
	my @spellings = map { spellings_of($_) } map { @$_ } values %values, values %control;
	my %unkeyed = map { crc32($_) => 'crc32' } @spellings;
	my $array = join ',', map { "\$\$$_\$\$" } grep { !/\0/ } @spellings;
	foreach my $function ('hashtext(v)', 'hashbpchar(v::bpchar)', 'hashtextextended(v, 0) & 4294967295',
		'hashtextextended(v, 0) >> 32 & 4294967295', q{('x' || substr(md5(v), 1, 8))::bit(32)::int},
		q{('x' || substr(encode(sha256(v::bytea), 'hex'), 1, 8))::bit(32)::int})
	{
		$unkeyed{$_} = $function foreach split /\n/, $node->safe_psql('postgres',
			"SELECT DISTINCT ($function)::bigint & 4294967295 FROM unnest(ARRAY[$array]) v");
	}
	cmp_ok(scalar(keys %unkeyed), '>', 500, 'there are unkeyed hash codes to look for');
	foreach my $index (qw(ssn_hash email_hash email_hash_of_index email_domain))
	{
		my %codes = $codes->($index);
		my $results = $index eq 'email_domain' ? 1 : $distinct;
		is(scalar(keys %codes), $results, "$index has a code for each value");
		is(join(', ', map { $unkeyed{$_} } grep { $unkeyed{$_} } keys %codes), '', "$index has no unkeyed hash code of a value");
	}
	my %codes = $codes->('control_hash');
	is(scalar(grep { $unkeyed{$_} } keys %codes), $distinct,
		'a hash index of plain values has nothing else');
}

sub crc32
{
	my ($text) = @_;
	my $crc = 0xffffffff;
	foreach my $byte (unpack 'C*', $text)
	{
		$crc ^= $byte;
		$crc = $crc & 1 ? $crc >> 1 ^ 0xedb88320 : $crc >> 1 foreach 1 .. 8;
	}
	return $crc ^ 0xffffffff;
}

# ---------------------------------------------------------------------------------------------------------------------
# Plans, with constants that another role has put into a view, a function, a policy or a default

my ($ssn, $email, $name) = map { $values{$_}[3] } qw(ssn email name);
$node->safe_psql('postgres', qq{
	CREATE ROLE owner; CREATE ROLE clerk LOGIN; SELECT pii_grant('clerk', '*', 'SEARCH'), pii_grant('owner', '*', 'SEARCH');
	GRANT CREATE, USAGE ON SCHEMA public TO owner; GRANT SELECT ON ALL TABLES IN SCHEMA public TO owner, clerk;
	CREATE TABLE protected (id int, ssn pii_text(ssn)); INSERT INTO protected SELECT id, ssn FROM people;
	CREATE INDEX ON protected (pii_blind_index(ssn));
	ALTER TABLE protected OWNER TO owner; GRANT SELECT, INSERT, UPDATE ON protected TO clerk;
	SET ROLE owner;
	CREATE VIEW by_literal AS SELECT id FROM people WHERE ssn = '$ssn' AND id > 0;
	CREATE VIEW by_list AS SELECT id FROM people WHERE ssn IN ('$ssn', '$values{ssn}[4]');
	CREATE VIEW by_index_value AS SELECT id FROM people
		WHERE pii_blind_index(ssn) = ANY (pii_search_terms('$ssn'::pii_text, 'ssn'));
	CREATE VIEW by_hash AS SELECT id FROM people WHERE email = '$email';
	CREATE VIEW shown AS SELECT id, '$ssn'::pii_text(ssn) AS constant, '$email'::pii_text AS other FROM people WHERE ssn <> '$ssn';
	CREATE FUNCTION of_function(int) RETURNS SETOF int STABLE LANGUAGE sql
		BEGIN ATOMIC SELECT id FROM people WHERE ssn = '$ssn' AND id > \$1; END;
	ALTER TABLE protected ENABLE ROW LEVEL SECURITY;
	CREATE POLICY others ON protected USING (ssn <> '$ssn'); CREATE POLICY own ON protected USING (ssn = '$ssn');
	ALTER TABLE protected ALTER ssn SET DEFAULT '$ssn';
	GRANT SELECT ON by_literal, by_list, by_index_value, by_hash, shown TO clerk});
my @queries = ('SELECT * FROM by_literal', 'SELECT * FROM by_list', 'SELECT * FROM by_index_value', 'SELECT * FROM by_hash',
	'SELECT * FROM shown', 'SELECT * FROM of_function(1)', 'SELECT * FROM protected',
	'UPDATE protected SET id = id WHERE id = 1', 'INSERT INTO protected (id) VALUES (-1)',
	'SELECT count(*) FROM by_literal a JOIN people b USING (id) WHERE b.ssn IS NOT NULL');
my @plaintexts = map { @$_ } values %values;
my $plaintext = join '|', map { quotemeta } map { ($_, lc $_, s/\D//gr =~ /^(\d{9})$/) } @plaintexts;
my %shown = (masked => qr/'\*\*\*\*'::pii_text/, redacted => qr/'\[text\]'::pii_text/, sealed => qr/'pii:v1:[\w-]+'::pii_text/);
foreach my $view (sort keys %shown)
{
	local $ENV{PGOPTIONS} = "-c pii.view=$view";
	my $plans = '';
	foreach my $options ('VERBOSE', 'ANALYZE, VERBOSE, TIMING off', 'VERBOSE, FORMAT json', 'GENERIC')
	{
		foreach my $off ('', 'SET enable_seqscan = off; ', 'SET enable_indexscan = off; SET enable_bitmapscan = off; ')
		{
			# A generic plan, in the way that PostgreSQL 15 has.
			my $template = $options eq 'GENERIC'
			  ? 'SET plan_cache_mode = force_generic_plan; PREPARE p AS %s; EXPLAIN (VERBOSE) EXECUTE p; DEALLOCATE p; '
			  : "BEGIN; EXPLAIN ($options) %s; ROLLBACK; ";
			my $explain = join '', map { sprintf $template, $_ } @queries;
			my ($status, $out, $error) = $node->sql("$off$explain", user => 'clerk');
			fail("EXPLAIN ($options): $error") if $status != 0;
			$plans .= $out . $error;
		}
	}
	like($plans, qr/Index Cond: \(pii_blind_index\(.*pii_search_terms\($shown{$view}/, "$view: plans by index were read");
	like($plans, qr/Filter: .*ssn = $shown{$view}/, "$view: plans with a filter were read");
	unlike($plans, qr/$plaintext/, "$view: no plan shows a constant of somebody else");
	my $definitions = $node->safe_psql('postgres', q{
		SELECT pg_get_viewdef('by_literal'), pg_get_viewdef('shown'), pg_get_functiondef('of_function'::regproc),
			(SELECT string_agg(pg_get_expr(polqual, polrelid), ' ') FROM pg_policy),
			(SELECT string_agg(pg_get_expr(adbin, adrelid), ' ') FROM pg_attrdef)});
	unlike($definitions, qr/$plaintext/, "$view: no definition shows one");

	SKIP:
	{
		skip 'auto_explain is not installed', 2 unless -e $node->config_data('--pkglibdir') . '/auto_explain.so';
		my $offset = $node->log_size;
		$node->safe_psql('postgres', join ';', q{LOAD 'auto_explain'}, (map { "SET auto_explain.$_" } 'log_min_duration = 0',
			'log_analyze = on', 'log_verbose = on', 'log_nested_statements = on'), 'SET pii.log_scrubbing = off', 'SET ROLE clerk', grep { !/INSERT|UPDATE/ } @queries);
		my $log = $node->log_since($offset);
		like($log, qr/Query Text.*Filter: .*$shown{$view}/s, "$view: auto_explain has logged plans");
		unlike($log, qr/$plaintext/, "$view: auto_explain logs no constant");
	}
}
{
	local $ENV{PGOPTIONS} = '-c pii.view=plain';
	like($node->safe_psql('postgres', 'EXPLAIN SELECT * FROM by_literal'), qr/\Q$ssn\E/, 'who sees values sees them in plans');
}

# ---------------------------------------------------------------------------------------------------------------------
# Errors of constraints

foreach my $view (qw(auto masked))
{
	local $ENV{PGOPTIONS} = "-c pii.view=$view";
	foreach my $case (
		[ 'unique',    "INSERT INTO customers (id, email) VALUES (99, '${\ lc $email}')", '23505',
			qr/DETAIL:  Key \(email_index\)=\(0001[0-9a-f]{28}\) already exists/ ],
		[ 'unique, UPDATE', "UPDATE customers SET email = '${\ lc $email}' WHERE id = 1", '23505',
			qr/DETAIL:  Key \(email_index\)=\(0001[0-9a-f]{28}\) already exists/ ],
		[ 'unique index', 'CREATE UNIQUE INDEX refused ON people (pii_blind_index(ssn))', '23505',
			qr/DETAIL:  Key \(pii_blind_index\(ssn\)\)=\(0001[0-9a-f]{28}\) is duplicated/ ],
		[ 'foreign key', q{INSERT INTO orders (email) VALUES ('Nobody.Testperson@Marker-Example.org')}, '23503',
			qr/DETAIL:  Key \(email_index\)=\(0001[0-9a-f]{28}\) is not present/ ],
		[ 'foreign key, DELETE', "DELETE FROM customers WHERE email = '$email'", '23503',
			qr/DETAIL:  Key \(email_index\)=\(0001[0-9a-f]{28}\) is still referenced/ ],
		[ 'exclusion', "INSERT INTO customers (id, ssn) VALUES (99, '${\ $ssn =~ s/-//gr}')", '23P01',
			qr/violates exclusion constraint "customers_ssn_excl"\nDETAIL:  / ])
	{
		my ($what, $sql, $state, $pattern) = @$case;
		my $offset = $node->log_size;
		my $error = $node->fails($sql, $state, $pattern, "$view: $what");
		# The message of an exclusion constraint shows the values themselves, in the form of the view.
		unlike($error, qr/$plaintext|Testperson/i, "$view: $what, the error has no value")
			unless $view eq 'auto' && $what eq 'exclusion';
		my $log = $node->log_since($offset);
		like($log, qr/ERROR: /, "$view: $what, the error is logged");
		unlike($log, qr/$plaintext|Testperson/i, "$view: $what, the log has no value");
	}
}

# ---------------------------------------------------------------------------------------------------------------------
# Dump and restore

my $per_value = $rows / $distinct;
my %found = (    # query => rows, index
	"people WHERE ssn = '$ssn'" => [ $per_value, qr/ssn_tree|index_column|ssn_hash/ ],
	"people WHERE ssn_index = ANY (pii_search_terms('${\ $ssn =~ s/-//gr}', 'ssn'))" => [ $per_value, qr/index_column/ ],
	"people WHERE email = '${\ uc $email}' AND id > 0" => [ $per_value, qr/email_/ ],
	"people WHERE pii_word_index(name) \@> pii_word_terms('maximiliane nd', 'name')" => [ $per_value, qr/name_gin/ ],
	"people WHERE name_words \@> pii_word_terms('maximiliane nd', 'name')" => [ $per_value, qr/name_words_gin/ ],
	"people WHERE pii_blind_index(ssn, 'last4') = ANY (pii_search_terms('6703', 'ssn', 'last4'))" => [ $per_value, qr/ssn_last4/ ],
	"people WHERE by_domain = '$ssn'" => [ $per_value, qr/domain_tree/ ],
	"parted WHERE ssn = '$ssn'" => [ $per_value, qr/parted_\d_pii_blind_index_idx/ ],
	"customers WHERE email = '${\ uc $email}'" => [ 1, qr/customers_email_index_key/ ]);
%found = map { ("SELECT count(*) FROM $_" => $found{$_}) } keys %found;

sub searches_find
{
	my ($server, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $query (sort keys %found)
	{
		(my $what = $query) =~ s/SELECT count\(\*\) FROM|$plaintext//gi;
		$server->gives($query, $found{$query}[0], "$name: $what", %params);
		my (undef, $plan) = $server->sql("SET enable_seqscan = off; EXPLAIN (COSTS off) $query", %params);
		like($plan, qr/Scan (?:using|on) (?:$found{$query}[1])/, "$name: by index, $what");
		$server->gives("SET enable_seqscan = off; $query", $found{$query}[0], "$name: found by index, $what", %params);
	}
	return;
}

searches_find($node, 'here');
my $dump = $node->root_dir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-Z0', '-f', $dump, '-T', 'control', '-T', 'extended', $connect->() ], 'pg_dump');
is(join("\n", search_files(\%needles, $dump)), '', 'the dump holds no value and no unkeyed hash');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', $connect->('restored'), $dump ], 'pg_restore');
$node->safe_psql('restored', 'ANALYZE');
searches_find($node, 'restored', dbname => 'restored');
my $index_values = q{SELECT md5(string_agg(ssn_index::text || name_words::text, ',' ORDER BY id)) FROM people};
$node->gives($index_values, $node->safe_psql('postgres', $index_values), 'restored: the same index values', dbname => 'restored');
$node->fails("INSERT INTO customers (email) VALUES ('${\ uc $email}')", '23505', qr/customers_email_index_key/,
	'restored: unique', dbname => 'restored');
$node->gives("SELECT count(*) FROM by_literal", $per_value, 'restored: a view with a constant', dbname => 'restored');

# ---------------------------------------------------------------------------------------------------------------------
# A streaming standby

$node->backup('backup');
my $standby = PiiCluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
my $late = '987-65-4320';
$node->safe_psql('postgres', "INSERT INTO people (id, ssn) VALUES (10001, '$late')");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
searches_find($standby, 'standby');
$standby->gives("SET enable_seqscan = off; SELECT id FROM people WHERE ssn = '${\ $late =~ s/-//gr}'", '10001',
	'standby: a row that came by replication');
$standby->gives(q{SELECT sum(rows) FROM pii_column_status('people', 'ssn') WHERE name = 'ssn_tree'}, $rows + 1,
	'standby: pii_column_status');
$standby->stop('immediate');
$node->safe_psql('postgres', 'DELETE FROM people WHERE id > 10000');

# ---------------------------------------------------------------------------------------------------------------------
# Crashes in the middle of inserts

$node->safe_psql('postgres', q{
	CREATE TABLE busy (id bigserial, ssn pii_text(ssn), name pii_text(name), plain text,
		ssn_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(ssn)) STORED);
	CREATE INDEX busy_tree ON busy (pii_blind_index(ssn));
	CREATE INDEX busy_column ON busy (ssn_index);
	CREATE INDEX busy_hash ON busy USING hash (ssn);
	CREATE INDEX busy_words ON busy USING gin (pii_word_index(name)) WITH (fastupdate = on);
	CHECKPOINT});
my $script = $node->root_dir . '/busy.sql';
write_private($script, <<'SQL');
\set n random(900000000, 999999999)
INSERT INTO busy (ssn, name, plain) SELECT to_char(:n - i, 'FM000-00-0000'), 'Busy Body', :n - i FROM generate_series(1, 20) i;
UPDATE busy SET ssn = to_char(:n, 'FM000-00-0000'), plain = :n WHERE id = (SELECT max(id) - :n % 20 FROM busy);
DELETE FROM busy WHERE id = (SELECT max(id) - :n % 20 FROM busy);
SQL

# Starts clients that write, crashes the server in their midst, and returns when they are gone.
sub crash
{
	my ($crash) = @_;
	my $rows_before = $node->safe_psql('postgres', 'SELECT count(*) FROM busy');
	my $output = '';
	my $clients = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-T', '60', '-f', $script, $node->connstr('postgres') ],
		'>', \$output, '2>&1');
	$node->poll_query_until('postgres', "SELECT count(*) > $rows_before + 400 FROM busy") or die 'nobody writes';
	$crash->();
	$clients->finish;
	return;
}

sub indexes_agree
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM busy');
	$node->gives(q{SELECT count(*) FROM busy WHERE pii_reveal(ssn) = to_char(plain::int, 'FM000-00-0000')}, $count,
		"$name: every row is readable");
	SKIP:
	{
		skip 'amcheck is not installed', 2 unless $node->safe_psql('postgres',
			q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});
		$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS amcheck');
		foreach my $index (qw(busy_tree busy_column))
		{
			$node->gives("SELECT bt_index_check('$index', heapallindexed => true)", '', "$name: amcheck finds every row in $index");
		}
	}
	my $each = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
		SELECT count(*) FROM (SELECT id, plain FROM busy OFFSET 0) a
			WHERE EXISTS (SELECT FROM busy b WHERE b.id = a.id AND b.ssn = a.plain OFFSET 0)";
	foreach my $index (qw(busy_tree busy_column busy_hash))
	{
		my $others = join ' ', map { "DROP INDEX $_;" } grep { $_ ne $index } qw(busy_tree busy_column busy_hash);
		$node->gives("BEGIN; $others $each; ROLLBACK", $count, "$name: a search by $index finds every row");
		my $plan = $node->safe_psql('postgres', "BEGIN; $others " . $each =~ s/SELECT count/EXPLAIN SELECT count/r . '; ROLLBACK');
		like($plan, qr/$index/, "$name: which is by $index");
	}
	$node->gives(q{SET enable_seqscan = off;
		SELECT count(*) FROM busy WHERE pii_word_index(name) @> pii_word_terms('busy', 'name')}, $count, "$name: a search for a word finds every row");
	$node->gives(q{SELECT string_agg(DISTINCT rows::text, ',') FROM pii_column_status('busy', 'ssn')}, $count,
		"$name: pii_column_status counts the same everywhere");
	return;
}

crash(sub {
	my $offset = $node->log_size;
	my $pid = $node->safe_psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT INTO busy %' OR query LIKE '%FROM busy);' LIMIT 1});
	kill('KILL', $pid) == 1 or die "could not kill $pid";
	$node->wait_for_log(qr/all server processes terminated; reinitializing.*database system is ready/s, $offset);
	like($node->log_since($offset), qr/redo starts at/, 'kill -9 of a backend: there is WAL to replay') });
indexes_agree('kill -9 of a backend');
crash(sub { $node->stop('immediate') });
my $offset = $node->log_size;
$node->start;
like($node->log_since($offset), qr/redo starts at/, 'immediate stop: there is WAL to replay');
indexes_agree('immediate stop');

# ---------------------------------------------------------------------------------------------------------------------
# A damaged row, and a server without keys

my $sealed = sealed_bytes($node->safe_psql('postgres', 'SELECT pii_sealed(ssn) FROM people WHERE id = 5'));
my $heap = "$pgdata/" . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('people')});
$node->stop;
my $content = slurp_file($heap);
my $at = index $content, $sealed;
cmp_ok($at, '>', 0, 'the value to damage is in the table');
open my $file, '+<:raw', $heap or die $!;
seek $file, $at + 35, 0;
print $file chr(ord(substr $content, $at + 35, 1) ^ 1);
close $file;
$node->start;
$node->fails('SELECT pii_reveal(ssn) FROM people WHERE id = 5', 'XX001', qr/could not authenticate/, 'the row is damaged');
$node->succeeds("ANALYZE $_", "ANALYZE with a damaged row: $_") foreach 'people', 'people (ssn)', 'people (ssn_index)';
$node->gives(q{SELECT n_distinct FROM pg_stats WHERE tablename = 'people' AND attname = 'ssn'}, $distinct,
	'the damaged row is left out of the count');
$node->succeeds('VACUUM ANALYZE people', 'VACUUM ANALYZE with a damaged row');
$node->gives("SET enable_seqscan = off; SELECT count(*) FROM people WHERE ssn = '$ssn'", $per_value,
	'the others are found by index');
$node->succeeds(q{CREATE INDEX of_version ON people (pii_key_version(ssn)); ANALYZE people; DROP INDEX of_version},
	'ANALYZE with an index of what headers say');
$node->safe_psql('postgres', 'UPDATE people SET ssn = NULL WHERE id = 5');

my $good = slurp_file($node->keyring);
write_private($node->keyring, "{ this is no keyring\n");
$node->stop;
$node->start;
my $locked = qr/personal data is locked: no keyring is loaded/;
foreach my $query ((sort keys %found), 'SELECT DISTINCT ssn FROM people', 'SELECT count(*) FROM people GROUP BY ssn',
	'SELECT count(*) FROM people a JOIN people b USING (ssn)', 'SELECT pii_blind_index(ssn) FROM people',
	'SELECT pii_word_index(name) FROM people', q{SELECT pii_search_terms('x', 'ssn')}, q{SELECT pii_word_terms('x', 'name')},
	q{PREPARE p(text) AS SELECT id FROM people WHERE ssn = $1; EXECUTE p('x')},
	q{PREPARE p(text[]) AS SELECT id FROM people WHERE ssn = ANY ($1); EXECUTE p('{x}')},
	'SELECT id FROM by_literal', 'REINDEX TABLE people', 'VACUUM FULL people', 'CREATE INDEX ON people (pii_blind_index(name))')
{
	$node->fails($query, '55000', $locked, 'locked: ' . $query =~ s/$plaintext/x/gir);
}
$node->gives("SELECT count(*) FROM people WHERE ssn_index = (SELECT ssn_index FROM people WHERE id = 3)", $per_value,
	'locked: index values can be compared with each other');
$node->gives('SELECT count(*) FROM people WHERE ssn IS NULL', '1', 'locked: NULLs are found');
$node->gives(q{SELECT count(*) > 0, sum(rows) FILTER (WHERE name = 'ssn_tree') FROM pii_column_status('people', 'ssn')},
	't|' . ($rows - 1), 'locked: pii_column_status counts');
my @tables = qw(people parted parted_0 mixed_index customers orders extended busy);
foreach my $table (@tables)
{
	$node->succeeds("$_ $table", "locked: $_ $table") foreach 'ANALYZE', 'VACUUM', 'VACUUM (ANALYZE, FREEZE)';
}
$node->succeeds('ANALYZE', 'locked: ANALYZE of the database');
is(statistics_of("$of_a_value AND NOT ($no_slots AND $no_values)"), '', 'locked: statistics hold no value, hash or histogram');
$node->gives(q{SELECT null_frac, n_distinct FROM pg_stats WHERE tablename = 'people' AND attname = 'unsure'}, '0.25|0',
	'locked: NULLs are counted, the number of values is unknown');
$node->gives(q{SELECT n_distinct FROM pg_stats WHERE tablename = 'people' AND attname = 'ssn_index'}, $distinct,
	'locked: index values are counted');

# What autovacuum does. Tables that ANALYZE fails for, above, would only make it try again and again.
my @deleted_from = qw(people parted_0 parted_1 orders busy);
$node->safe_psql('postgres', join ';',
	(map { "ALTER TABLE $_ SET (autovacuum_enabled = off)" } qw(mixed_index extended control customers)),
	map { "DELETE FROM $_ WHERE id % 7 = 0" } @deleted_from);
$offset = $node->log_size;
my %autovacuum = (autovacuum => 'on', autovacuum_naptime => '1s', autovacuum_analyze_threshold => '1',
	autovacuum_analyze_scale_factor => '0', autovacuum_vacuum_threshold => '1',
	autovacuum_vacuum_scale_factor => '0');
$node->configure(%autovacuum);
$node->reload;
my $names = join ',', map { "('$_')" } @deleted_from;
ok($node->poll_query_until('postgres',
	"SELECT bool_and(autoanalyze_count > 0 AND autovacuum_count > 0) FROM (VALUES $names) v (name)
	JOIN pg_stat_user_tables ON relname = name"),
	'locked: autovacuum vacuums and analyzes every table');
unlike($node->log_since($offset), qr/ERROR: /, 'locked: autovacuum makes no error');
$node->configure(map { $_ => undef } keys %autovacuum);
$node->configure(autovacuum => 'off');

write_private($node->keyring, $good);
$node->restart;
%found = map { $_ => $found{$_} } grep { /customers/ } keys %found;
searches_find($node, 'keys again');
$node->gives("SELECT count(*) > 0, count(*) = (SELECT count(*) FROM people WHERE pii_reveal(ssn) = '$ssn')
	FROM people WHERE ssn = '$ssn'", 't|t', 'keys again: searches find what is left');
$node->succeeds('ANALYZE', 'keys again: ANALYZE');
$node->gives(q{SELECT n_distinct FROM pg_stats WHERE tablename = 'people' AND attname = 'ssn'}, $distinct,
	'keys again: values are counted');

# The log of all that
unlike(slurp_file($node->logfile), qr/$plaintext/, 'the log holds no value');
$node->stop;
done_testing();
