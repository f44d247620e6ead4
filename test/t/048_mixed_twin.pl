# The twin test (014_search_twin.pl) of adopted columns: a query on them gives the rows that it gives on plain ones, in every state.
#
# TWIN_SEED is another seed, TWIN_SHAPES another number of queries.

use strict;
use warnings;

use Encode qw(encode_utf8);
use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use SearchGrammar;
use Test::More;
use Time::HiRes qw(time);
use TwinTables;
use WireSession;

my $seed = $ENV{TWIN_SEED} || 20261122;
my $wanted = $ENV{TWIN_SHAPES} || 300;
my $began = time;
my $node = PiiCluster->started('main', conf => "autovacuum = off\njit = off\nmax_worker_processes = 16\nmax_locks_per_transaction = 256\n");
$node->safe_psql('postgres', q{CREATE ROLE pii_twin_clerk; SELECT pii_grant('pii_twin_clerk', '*', 'ALL')});
seed_random($seed);
my $rows = TwinTables::rows();
my @tables = sort keys %$rows;
my @columns = map { my $table = $_; map { [ $table, @$_ ] } sealed_columns($table) } grep { !/lookups|staff/ } @tables;    # staff is a child

sub in_schema
{
	my ($schema, @settings) = @_;
	my $session = WireSession->connected($node);
	$session->run("SET search_path = $schema, public");
	$session->run("SET $_") foreach @settings;
	($session->{pii_text_array}) = $session->run(q{SELECT 'pii_text[]'::regtype::oid});
	return $session;
}

# Rows of a table; the twin gets them normalised.
sub copy_in
{
	my ($session, $table, $plain) = @_;
	my ($names, @rows) = @{ $rows->{$table} };
	my %class = map { @$_ } sealed_columns($table);
	my $of = sub { my ($at, $value) = @_; my $class = $plain ? $class{ $names->[$at] } : undef; return $class ? normalized($class, $value) : $value };
	my @written = map { my $row = $_; [ map { $of->($_, $row->[$_]) } 0 .. $#$row ] } @rows;
	my (undef, $error) = $session->copy_in("COPY $table (" . join(', ', @$names) . ') FROM STDIN', copy_lines(@written));
	die "$table: $error" if defined $error;
	return;
}

foreach my $schema (qw(plain adopted))
{
	my $plain = $schema eq 'plain';
	$node->safe_psql('postgres', "CREATE SCHEMA $schema");
	my $session = in_schema($schema);
	$session->run($_) foreach tables_sql(sub { 'text' });
	# lookups stay text on both sides, and hold what people write.
	copy_in($session, $_, $plain) foreach @tables;
	if (!$plain)
	{
		$session->run("ALTER TABLE $_->[0] ALTER $_->[1] TYPE pii_text($_->[2]) USING $_->[1]::pii_unsealed::pii_text") foreach @columns;
	}
	$session->run($_) foreach views_sql($schema, sub { my ($class, $value) = @_; return quoted($plain ? normalized($class, $value) : $value) });
	$session->run('ANALYZE ' . join ', ', @tables);
	$session->quit;
}

my @shapes = SearchGrammar::shapes($seed, $wanted);
my $twin = in_schema('plain');
my @broken;
foreach my $shape (@shapes)
{
	($shape->{expected}, my $error) = $shape->run($twin, 1);
	push @broken, "$error\n" . $shape->described(1) if defined $error;
}
$twin->quit;
is(encode_utf8(join "\n\n", @broken), '', 'every shape is a query of plain tables');

my $shown = 0;

sub compare
{
	my ($name, @settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $start = time;
	my $session = in_schema('adopted', @settings);
	my $differing = 0;
	foreach my $shape (@shapes)
	{
		my ($got, $error) = $shape->run($session);
		next if !defined $error && join("\n", @$got) eq join("\n", @{ $shape->{expected} });
		++$differing;
		next if $shown++ >= 10;
		diag(encode_utf8(substr join("\n", "$name: shape $shape->{number} ($shape->{kind})", (map { "SET $_;" } @settings), $shape->described,
			" expected: @{ $shape->{expected} }", ' got: ' . ($error // "@$got")), 0, 3000));
	}
	$session->quit;
	is($differing, 0, "$name: no row of " . @shapes . ' shapes differs');
	note(sprintf '%.1f s', time - $start);
	return;
}

my $admin = in_schema('adopted');

# A share of the values that are sealed.
sub share
{
	my ($sealed, $all) = (0, 0);
	foreach my $column (@columns)
	{
		my ($counts) = $admin->run("SELECT count(*) FILTER (WHERE pii_is_sealed($column->[1])), count($column->[1]) FROM $column->[0]");
		my ($more_sealed, $more) = split /\|/, $counts;
		$sealed += $more_sealed;
		$all += $more;
	}
	return $sealed / $all;
}

# A job that is stopped after its first batch.
sub begin_job
{
	my ($kind, $table, $column) = @_;
	my ($job) = $admin->run("SELECT pii_start_job('$kind', '$table', '$column', 20, '1 hour')");
	$node->poll_query_until('postgres', "SELECT rows_done > 0 OR state = 'done' FROM pii_jobs WHERE job_id = $job") or die "$table.$column";
	$admin->run("SELECT pii_stop_job($job)");
	return;
}

my @generic = ('plan_cache_mode = force_generic_plan', 'enable_nestloop = off', 'enable_material = off');
my @by_index = ('enable_seqscan = off', 'enable_bitmapscan = off');
is(share(), 0, 'no value is sealed');
compare('all plaintext');
compare('all plaintext, generic plans', @generic);
foreach my $column (@columns)
{
	my ($table, $name) = @$column;
	$admin->run("CREATE INDEX ON $table (pii_blind_index($name))" . ($name eq 'note' ? ' WHERE tenant <> 1' : ''));
	begin_job('seal', $table, $name);
}
my $share = share();
ok($share > 0 && $share < 1, 'some values are sealed') or diag($share);
compare('half sealed', @by_index);
compare('half sealed, generic plans', @generic);
$admin->run("CALL pii_seal_column('$_->[0]', '$_->[1]')") foreach @columns;
is(share(), 1, 'all values are sealed');
compare('sealed');
begin_job('unseal', @$_[ 0, 1 ]) foreach @columns;
$share = share();
ok($share > 0 && $share < 1, 'some values are unsealed') or diag($share);
compare('half unsealed', 'enable_hashjoin = off', 'enable_memoize = off');

$admin->quit;
$node->stop;
note(sprintf '%.1f s', time - $began);
done_testing();
