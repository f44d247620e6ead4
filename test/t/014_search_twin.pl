# The twin test: a query on sealed columns gives the rows that it gives on plain ones, whatever index there is, whatever
# plan is made, and with two versions of the index key as with one. SearchGrammar makes the queries, TwinTables the data.
#
# TWIN_SEED is another seed, TWIN_SHAPES another number of queries. TWIN_BREAK names a class that the twin normalises
# wrongly: the test must fail.

use strict;
use warnings;

use Encode qw(encode_utf8);
use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use SearchGrammar;
use SearchPlans;
use Test::More;
use Time::HiRes qw(time);
use TwinTables;
use WireSession;

my $seed = $ENV{TWIN_SEED} || 20240131;
my $wanted = $ENV{TWIN_SHAPES} || 400;
my $began = time;
my $node = PiiCluster->started('main', conf => "autovacuum = off\njit = off\n");

# ---------------------------------------------------------------------------------------------------------------------
# The tables: plain ones, and sealed ones with every sort of index

# Schema => the indexes of a column.
my %indexes = (
	bare       => sub { () },
	expression => sub {
		my ($table, $column) = @_;
		my $unique = $table eq 'members' ? 'UNIQUE' : '';
		return "CREATE $unique INDEX ON $table (pii_blind_index($column))";
	},
	mixed => sub {
		my ($table, $column) = @_;
		my %keys = (
			ssn   => ['(tenant, pii_blind_index(ssn))'],
			email => ['USING hash (pii_blind_index(email))'],
			name  => [ '(pii_blind_index(name)) WHERE tenant = 1', '(pii_blind_index(name)) WHERE tenant <> 1' ],
			phone => ['(pii_blind_index(phone), tenant) INCLUDE (id) WHERE phone IS NOT NULL'],
			note  => ['(pii_blind_index(note), pii_blind_index(ssn))'],
			alt   => [ '(pii_blind_index(alt))', 'USING hash (pii_blind_index(alt))' ],
			work  => ['(id, pii_blind_index(work))']);
		return map { "CREATE INDEX ON $table $_" } @{ $keys{$column} };
	},
	generated => sub {
		my ($table, $column) = @_;
		return "ALTER TABLE $table ADD UNIQUE (${column}_index)" if $table eq 'members';
		my %keys = (name => '(tenant, name_index)', phone => 'USING hash (phone_index)');
		return "CREATE INDEX ON $table " . ($keys{$column} // "(${column}_index)");
	});
my @sealed = qw(bare expression mixed generated);
my @indexed = grep { $_ ne 'bare' } @sealed;

seed_random($seed);
my $rows = TwinTables::rows();
my @tables = sort keys %$rows;
my $everything = join ', ', @tables;

# A session with the tables of a schema in its search path.
sub in_schema
{
	my ($schema) = @_;
	my $session = WireSession->connected($node);
	$session->run("SET search_path = $schema, public");
	($session->{pii_text_array}) = $session->run(q{SELECT 'pii_text[]'::regtype::oid});
	return $session;
}

# Makes the tables and views in a schema; kind: plain, generated or another.
sub make_schema
{
	my ($schema, $kind) = @_;
	my $plain = $kind eq 'plain';
	my $session = in_schema($schema);
	$session->run("CREATE SCHEMA $schema");
	my $type = sub { $plain ? 'text' : "pii_text($_[0])" };
	my $literal = sub { my ($class, $value) = @_; return quoted($plain ? normalized($class, $value) : $value) };
	$session->run($_) foreach tables_sql($type, $kind eq 'generated'), views_sql($schema, $literal);
	return $session;
}

# Rows of a table by COPY; the twin gets them normalised.
sub copy_in
{
	my ($session, $table, $plain, $names, @rows) = @_;
	my %class = map { @$_ } sealed_columns($table);
	if ($plain)
	{
		foreach my $row (@rows)
		{
			$row = [ map { my $class = $class{ $names->[$_] }; $class ? normalized($class, $row->[$_]) : $row->[$_] } 0 .. $#$row ];
		}
	}
	my $file = $node->root_dir . '/rows.copy';
	open my $handle, '>:encoding(UTF-8)', $file or die "$file: $!";
	print $handle copy_lines(@rows);
	close $handle;
	$session->run("COPY $table (" . join(', ', @$names) . ") FROM '$file' (ENCODING 'UTF8')");
	return;
}

# Rows of a table by INSERT with parameters, of type text or of unknown type.
sub insert_in
{
	my ($session, $table, $names, @rows) = @_;
	my $sql = "INSERT INTO $table (" . join(', ', @$names) . ') VALUES (' . join(', ', map { "\$$_" } 1 .. @$names) . ')';
	my $count = 0;
	foreach my $row (@rows)
	{
		my $type = ++$count % 2 ? WireSession::TEXT : WireSession::UNKNOWN;
		my (undef, $error) = $session->execute($sql, [ map { /id\z|tenant|amount/ ? WireSession::UNKNOWN : $type } @$names ], $row);
		die "$table: $error" if defined $error;
	}
	return;
}

# The rows of the schema bare, as they are sealed there.
sub rows_from_bare
{
	my ($session, $where) = @_;
	foreach my $table (@tables)
	{
		my $list = join ', ', @{ $rows->{$table}[0] };
		my $only = $table eq 'people' ? 'ONLY' : '';
		$session->run("INSERT INTO $table ($list) SELECT $list FROM $only bare.$table $where");
	}
	return;
}

$node->safe_psql('postgres', q{CREATE ROLE pii_twin_clerk; SELECT pii_grant('pii_twin_clerk', '*', 'ALL')});
foreach my $schema ('plain', @sealed)
{
	my $session = make_schema($schema, $schema);
	if ($schema eq 'plain' || $schema eq 'bare')
	{
		foreach my $table (@tables)
		{
			my ($names, @all) = @{ $rows->{$table} };
			my @inserted = $schema eq 'plain' || $table eq 'lookups' ? () : splice @all, 0, @all / 2;
			insert_in($session, $table, $names, @inserted);
			copy_in($session, $table, $schema eq 'plain', $names, @all);
		}
	}
	else { rows_from_bare($session, ''); }
	foreach my $table ($schema eq 'plain' ? () : grep { $_ ne 'lookups' } @tables)
	{
		$session->run($_) foreach map { $indexes{$schema}->($table, $_->[0]) } sealed_columns($table);
	}
	$session->run("ANALYZE $everything");
	$session->quit;
}

# ---------------------------------------------------------------------------------------------------------------------
# The shapes of queries, and what they give in the twin

sub shortened
{
	my ($text) = @_;
	$text =~ s/([x ])\1{100,}/$1$1$1.../g;
	return encode_utf8($text);
}

my @shapes = SearchGrammar::shapes($seed, $wanted);
my %kinds;
$kinds{ $_->{kind} }++ foreach @shapes;
note("seed $seed: " . join ', ', map { "$kinds{$_} $_" } sort keys %kinds);
cmp_ok(scalar @shapes, '>=', 300, 'there are enough different shapes');

my @broken;
my $plain = in_schema('plain');
foreach my $shape (@shapes)
{
	($shape->{expected}, my $error) = $shape->run($plain, 1);
	push @broken, "$error\n" . $shape->described(1) if defined $error;
}
$plain->quit;
is(shortened(join "\n\n", @broken), '', 'every shape is a query of plain tables');
my @finding = grep {
	grep { !/\A(?:--|~|[0~|]+)\z/ } @{ $_->{expected} }
} @shapes;
cmp_ok(scalar @finding, '>', 0.7 * @shapes, 'most shapes find rows');

my @prepared = grep { $_->{way} ne 'literal' } @shapes;
my @joins = grep { "@{ $_->{statements} }" =~ /JOIN|USING|SELECT.*SELECT|FROM \w+ b\b/ } @shapes;

# ---------------------------------------------------------------------------------------------------------------------
# The comparison

# Rows that are missing and rows that are too many; one if only the order differs.
sub difference
{
	my ($expected, $got) = @_;
	return ([], []) if join("\n", @$expected) eq join("\n", @$got);
	my (%more, @missing);
	$more{$_}++ foreach @$got;
	foreach my $row (@$expected) { $more{$row} ? $more{$row}-- : push @missing, $row; }
	my @extra = map { ($_) x $more{$_} } sort keys %more;
	push @extra, "another order: @$got" unless @missing || @extra;
	return (\@missing, \@extra);
}

my %shown;

# Runs shapes in a schema with some settings. Shows the first shapes that differ, and the first with the same error.
sub compare
{
	my ($name, $schema, $settings, @some) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 2;
	my $start = time;
	my $session = in_schema($schema);
	$session->run("SET $_") foreach @$settings;
	my ($differing, $differing_here, @others) = (0, 0);
	foreach my $shape (@some)
	{
		my ($got, $error) = $shape->run($session);
		my ($missing, $extra) = difference($shape->{expected}, $got);
		push @$extra, $error if defined $error;
		next unless @$missing || @$extra;
		$differing += @$missing + @$extra;
		if (defined $error ? $shown{$error}++ >= 2 : $differing_here++ >= 3)
		{
			push @others, "$shape->{number} ($shape->{kind}" . (defined $error ? ": $error)" : ')');
			next;
		}
		diag(shortened(join "\n", "$name: shape $shape->{number} ($shape->{kind})", (map { "SET $_;" } "search_path = $schema, public", @$settings),
			$shape->described, ' missing: ' . join(' ', @$missing), ' extra: ' . join(' ', @$extra)));
	}
	diag("$name: and shapes " . join ', ', @others) if @others;
	$session->run('SELECT pg_stat_force_next_flush()');
	$session->quit;
	is($differing, 0, "$name, $schema: no row of " . @some . ' shapes differs');
	note(sprintf '%.1f s', time - $start);
	return;
}

my @generic = 'plan_cache_mode = force_generic_plan';
my @by_index = ('enable_seqscan = off', 'enable_bitmapscan = off');
my @by_bitmap = ('enable_seqscan = off', 'enable_indexscan = off', 'enable_indexonlyscan = off');
my @parallel = ('force_parallel_mode = on', 'parallel_leader_participation = off',
	map { "$_ = 0" } qw(parallel_setup_cost parallel_tuple_cost min_parallel_table_scan_size min_parallel_index_scan_size));

# Runs every nth shape in every schema with every setting.
sub compare_all
{
	my ($name, $n) = @_;
	my $some = sub { my ($m, @all) = @_; return grep { $_->{number} % $m == 0 } @all; };
	foreach my $schema (@sealed)
	{
		compare("$name, as planned", $schema, [], $some->($n, @shapes));
		compare("$name, generic plans", $schema, \@generic, $some->($n, @prepared));
		compare("$name, no nested loops", $schema, [ 'enable_nestloop = off', 'enable_material = off' ], $some->($n, @joins));
		compare("$name, parallel", $schema, [ @parallel, $schema eq 'bare' ? () : 'enable_seqscan = off' ], $some->($n * 6, @shapes));
		compare("$name, nested loops", $schema, [ 'enable_hashjoin = off', 'enable_memoize = off' ], $some->($n * 8, @joins));
		next if $schema eq 'bare';
		compare("$name, index scans", $schema, [ @by_index, 'enable_sort = off' ], $some->($n, @shapes));
		compare("$name, generic index scans", $schema, [ @generic, @by_index, 'enable_hashjoin = off' ], $some->($n, @prepared));
		compare("$name, bitmap scans", $schema, [ @by_bitmap, 'enable_hashjoin = off', 'enable_hashagg = off' ], $some->($n, @shapes));
		compare("$name, generic bitmap scans", $schema, [ @generic, @by_bitmap ], $some->($n, @prepared));
	}
	return;
}

compare_all('one index version', 1);
$node->gives(q{SELECT count(*) FILTER (WHERE idx_scan > 0) > 0.9 * count(*) FROM pg_stat_user_indexes WHERE schemaname <> 'plain'
	AND relname IN ('customers', 'orders')}, 't', 'the indexes were used');
note(sprintf 'done with one index version after %.1f s', time - $began);

# ---------------------------------------------------------------------------------------------------------------------
# Plans

my %large;
foreach my $kind (qw(plain expression generated))
{
	$large{$kind} = make_schema("large_$kind", $kind);
	fill_large($large{$kind}, $kind);
}
foreach my $planned (planned_queries())
{
	my ($name, $sql, $scans, %params) = @$planned;
	foreach my $type (@{ $params{types} // [''] })
	{
		foreach my $generic ($type ? (0, 1) : 0)
		{
			my @complaints = map { complaint($large{$_}, $_, $sql, $scans, %params, type => $type, generic => $generic) } sort keys %large;
			my $plan = $type ? " ($type, " . ($generic ? 'generic' : 'custom') . ' plan)' : '';
			is(join("\n", @complaints), '', "an index serves $name$plan");
		}
	}
}
$_->quit foreach values %large;
note(sprintf 'done with plans after %.1f s', time - $began);

# ---------------------------------------------------------------------------------------------------------------------
# Two versions of the index key, half of the rows under each

pii_keyring('add', $node->keyring, 'blind_index');
pii_keyring('promote', $node->keyring, 'blind_index', '2');
$node->restart;
foreach my $schema (@indexed)
{
	my $session = in_schema($schema);
	$session->run("DELETE FROM $_ WHERE id % 2 = 1") foreach @tables;
	rows_from_bare($session, 'WHERE id % 2 = 1');
	$session->run("VACUUM ANALYZE $everything");
	my @versions = $session->run(q{SELECT key_version, rows > 50 FROM pii_column_status('customers', 'alt')
		WHERE kind = 'blind index' AND key_version > 0 ORDER BY 1});
	is("@versions", '1|t 2|t', "$schema: rows are under two index versions");
	$session->quit;
}
compare_all('two index versions', 3);

note(sprintf 'done after %.1f s', time - $began);
done_testing();
