# An adopted column behaves in every state, all plaintext, half sealed, sealed and on the way back, as one that was sealed from the
# beginning: statements of every kind give the same rows, and show the same to whoever asks, in every view. Nobody ever sees a
# plaintext that he may not see.
#
# MIXED_SHAPES is another number of shapes of the twin's (014_search_twin.pl).

use strict;
use warnings;

use Encode qw(encode_utf8);
use FindBin;
use lib $FindBin::Bin;
use MixedQueries;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WireSession;

my $began = time;
my $node = PiiCluster->started('main', conf => "autovacuum = off\njit = off\nmax_worker_processes = 16\nmax_locks_per_transaction = 256\n");
my @roles = qw(mixed_reader mixed_searcher mixed_masked mixed_nobody);
my @classes = qw(ssn email name phone text);

$node->safe_psql('postgres', "CREATE EXTENSION citext; CREATE EXTENSION postgres_fdw; CREATE ROLE $_") foreach $roles[0];
$node->safe_psql('postgres', join ';', (map { "CREATE ROLE $_" } @roles[ 1 .. $#roles ]), q{SELECT pii_revoke('PUBLIC', '*', 'MASK')},
	(map { my $role = $_; map { "SELECT pii_grant('$role', '$_', 'MASK')" } @classes } @roles[ 0 .. 2 ]),
	(map { ("SELECT pii_grant('mixed_reader', '$_', 'REVEAL')", "SELECT pii_grant('mixed_reader', '$_', 'SEARCH')", "SELECT pii_grant('mixed_searcher', '$_', 'SEARCH')") } @classes));

# ---------------------------------------------------------------------------------------------------------------------
# What a session sees

sub in_schema
{
	my ($schema, @settings) = @_;
	my $session = WireSession->connected($node);
	$session->run("SET search_path = $schema, public");
	$session->run("SET $_") foreach @settings;
	return $session;
}

# The answer to a query as a text that is the same whenever what is shown is the same: of sealed text only that it is some.
sub answer
{
	my ($session, $role, $view, @statements) = @_;
	my @answer;
	$session->query("BEGIN; SET LOCAL pii.view = '$view'" . ($role ne '' ? "; SET LOCAL ROLE $role" : ''));
	foreach my $statement (@statements)
	{
		my $before = $session->copied;
		my ($rows, $error) = $session->query($statement);
		my @copied = $session->copied;
		s/pii:v\d+:(?:(?!pii:)[\w-])+/pii:.../g foreach @$rows, @copied;
		push @answer, $statement =~ /ORDER BY id\z|FETCH/ ? @$rows : sort @$rows;
		push @answer, sort(@copied[ $before .. $#copied ]), defined $error ? "ERROR $error" : (), '--';
		last if defined $error;
	}
	$session->query('ROLLBACK; DEALLOCATE ALL');
	my $answer = join "\n", @answer;
	$answer =~ s/(?<=may not search values of class )\w+/.../g;    # which is looked at first is up to the plan
	$answer =~ s/\b(?:native|adopted)\b/SCHEMA/g;
	return $answer;
}

my @queries = queries();
my $plaintexts = plaintexts();
my %views_of = ('' => [qw(auto plain masked redacted sealed)], mixed_reader => [qw(auto masked)], mixed_searcher => [qw(auto plain sealed)],
	mixed_masked => [qw(auto plain sealed)], mixed_nobody => [qw(auto plain)]);
my %expected;

my $passes = 0;

# Of every so many queries one, now these, now those.
sub each_answer
{
	my ($session, $every, $visit) = @_;
	my $number = ++$passes;
	foreach my $role ('', @roles)
	{
		foreach my $view (@{ $views_of{$role} })
		{
			foreach my $query (grep { ++$number % $every == 0 } @queries) { $visit->("$role|$view|@$query", answer($session, $role, $view, @$query), $role); }
		}
	}
	return;
}

my $shown = 0;

my $admin;

# Compares all queries with what the native tables gave.
sub compare
{
	my ($name, $every, @settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $start = time;
	$admin->run('TRUNCATE changes');    # sweeps fire triggers, too
	my ($differing, $leaks, $count) = (0, 0, 0);
	my $session = in_schema('adopted', @settings);
	each_answer($session, $every, sub {
		my ($what, $answer, $role) = @_;
		++$count;
		my $leaks_here = $role =~ /searcher|masked|nobody/ && $answer =~ $plaintexts && $expected{$what} !~ $plaintexts;
		++$leaks if $leaks_here;
		return if $answer eq $expected{$what};
		++$differing;
		diag(encode_utf8(substr("$name: $what\n expected: $expected{$what}\n got:      $answer", 0, 3000))) if $shown++ < ($ENV{MIXED_SHOWN} // 20);
	});
	is($leaks, 0, "$name: no plaintext for who may not see it");
	is($differing, 0, "$name: none of $count answers differs");
	$session->quit;
	note(sprintf '%.1f s', time - $start);
	return;
}

# ---------------------------------------------------------------------------------------------------------------------
# Tables and states

foreach my $schema (qw(native adopted))
{
	my $native = $schema eq 'native';
	$node->safe_psql('postgres', "CREATE SCHEMA $schema");
	my $session = in_schema($schema);
	$session->run($_) foreach tables_sql($native), rows_sql();
	if (!$native)
	{
		$session->run("ALTER TABLE $_->[0] ALTER $_->[1] TYPE pii_text($_->[2]) USING $_->[3]::pii_unsealed::pii_text") foreach adoptions();
	}
	$session->run($_) foreach objects_sql($schema, @roles);
	$session->run('ANALYZE');
	$session->quit;
}
$node->gives(q{SELECT DISTINCT phase FROM pii_adopted_column}, 'adopted', 'the columns are adopted');
$node->gives(q{SELECT count(*) FROM adopted.people WHERE pii_is_sealed(ssn) OR pii_is_sealed(name) OR pii_is_sealed(nick) OR pii_is_sealed(phone)}, '0', 'nothing was sealed by it');

$admin = in_schema('adopted');
my $native = in_schema('native');
each_answer($native, 1, sub { my ($what, $answer) = @_; $expected{$what} = $answer; });
$native->quit;
my @failing = grep { /^\|auto/ && $expected{$_} =~ /ERROR/ } sort keys %expected;
is(join("\n", @failing), '', 'every query is one') if $ENV{MIXED_DEBUG};
my @leaking = grep { /^mixed_(?:searcher|masked|nobody)/ && $expected{$_} =~ $plaintexts } keys %expected;
is(join("\n", @leaking), '', 'native tables show no plaintext to who may not see it');
cmp_ok(scalar(grep { /^mixed_reader\|auto/ && $expected{$_} =~ $plaintexts } keys %expected), '>', 50, 'and to others they do');
note(sprintf 'native after %.1f s', time - $began);


my @parallel = ('force_parallel_mode = on', 'parallel_leader_participation = off',
	map { "$_ = 0" } qw(parallel_setup_cost parallel_tuple_cost min_parallel_table_scan_size min_parallel_index_scan_size));
my @by_index = ('enable_seqscan = off', 'plan_cache_mode = force_generic_plan');
my @jit = ('jit = on', map { "$_ = 0" } qw(jit_above_cost jit_inline_above_cost jit_optimize_above_cost));
my @joins = ('enable_hashjoin = off', 'enable_hashagg = off', 'plan_cache_mode = force_custom_plan');

# Does something with each column that was adopted: one after the other.
sub each_column
{
	my ($do) = @_;
	$do->(@$_[ 0, 1 ]) foreach adoptions();
	return;
}

sub unsealed_rows
{
	my @counts;
	each_column(sub { push @counts, $admin->run("SELECT count(*) FILTER (WHERE pii_is_sealed($_[1])), count($_[1]) FROM $_[0]") });
	return map { [ split /\|/ ] } @counts;
}

# A job that is stopped after its first batch.
sub begin_job
{
	my ($kind, $table, $column) = @_;
	my ($job) = $admin->run("SELECT pii_start_job('$kind', '$table', '$column', 3, '1 hour')");
	$node->poll_query_until('postgres', "SELECT rows_done > 0 OR state IN ('done', 'failed') FROM pii_jobs WHERE job_id = $job") or die "$table.$column";
	$admin->run("SELECT pii_stop_job($job)");
	$node->poll_query_until('postgres', "SELECT state IN ('stopped', 'done') FROM pii_jobs WHERE job_id = $job") or die "$table.$column";
	return;
}

sub in_part
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @columns = unsealed_rows();
	return is(scalar(grep { $_->[0] == 0 || $_->[0] == $_->[1] } @columns), 0, "$name: each column has values of both kinds");
}

compare('all plaintext', 1);
compare('all plaintext, parallel', 23, @parallel);
# Not on code: class text keeps the blanks of character(n), so pii_adopt() does not take such a column without a rewrite.
foreach my $schema (qw(native adopted))
{
	$node->safe_psql('postgres', "CREATE INDEX ON $schema.$_->[0] (pii_blind_index($_->[1]))") foreach grep { $_->[0] ne 'guarded' && $_->[1] ne 'code' } adoptions();
}
%expected = ();
$native = in_schema('native');
each_answer($native, 1, sub { my ($what, $answer) = @_; $expected{$what} = $answer; });
$native->quit;
compare('all plaintext, indexes', 3, @by_index);
begin_job('seal', @$_[ 0, 1 ]) foreach adoptions();
in_part('sealing');
compare('half sealed', 1, 'enable_seqscan = off');
compare('half sealed, compiled', 23, @jit);
compare('half sealed, parallel', 23, @parallel);
each_column(sub { $admin->run("CALL pii_seal_column('$_[0]', '$_[1]')") });
is(scalar(grep { $_->[0] != $_->[1] } unsealed_rows()), 0, 'all values are sealed');
compare('sealed', 3, @joins);
begin_job('unseal', @$_[ 0, 1 ]) foreach adoptions();
in_part('unsealing');
compare('half unsealed', 3, @by_index);
compare('half unsealed, other joins', 3, @joins);
each_column(sub { $admin->run("CALL pii_unseal_column('$_[0]', '$_[1]')") });
is(scalar(grep { $_->[0] != 0 } unsealed_rows()), 0, 'no value is sealed');
compare('unsealed', 23, @parallel);

$admin->quit;
$node->stop;
done_testing();
