# Whatever way a value takes, the server log does not hold it, at the loudest settings and in each of the three formats; and
# the log still shows what the statement was. The same statements with pii.log_scrubbing = off show that the search finds.

use strict;
use warnings;
use utf8;

use FindBin;
use lib $FindBin::Bin;
use LogMarkers;
use LogWays;
use LoudServer;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

srand 4711;
my $node = LoudServer->started('main', conf => "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n");
my @ways = LogWays::all_ways();
my $number_of_values = 0;

# What is left of markers in a part of the log. With pii.log_scrubbing = off all of them have to be found, else none.
sub check_log
{
	my ($scrubbing, $name, $markers, %logged) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$number_of_values += @$markers;
	my ($found, $excerpts) = markers_in($markers, %logged);
	if ($scrubbing eq 'off')
	{
		my @lost = grep { keys %{ $found->{$_} // {} } < keys %logged } 0 .. $#$markers;
		is(scalar @lost, 0, "off, $name: the search finds every value in every format")
		  or diag(map { "value $_ only in (@{[ sort keys %{ $found->{$_} // {} } ]})\n" } @lost);
	}
	else
	{
		is(scalar keys %$found, 0, "$scrubbing, $name: no value is logged") or diag(map { "$_\n" } splice @$excerpts, 0, 3);
	}
	return;
}

# Every way in a database of its own, with values of its own.
foreach my $scrubbing (qw(off sealed))
{
	my $dbname = "scrubbing_$scrubbing";
	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	$node->safe_psql($dbname, "CREATE EXTENSION pii; ALTER DATABASE $dbname SET pii.log_scrubbing = $scrubbing");
	# Trees make the log a hundred times as long; one way is about them, too.
	$node->safe_psql($dbname, join ';', map { "ALTER DATABASE $dbname SET debug_print_$_ = on" } qw(parse rewritten plan)) if $scrubbing ne 'off';
	$node->safe_psql($dbname, LogWays::tables());
	my %context = (node => $node, dbname => $dbname, other => WireSession->connected($node, dbname => $dbname));

	foreach my $way (@ways)
	{
		my @markers = make_markers($way->{values}, $way->{kind});
		my $session = WireSession->connected($node, dbname => $dbname);
		my %start = $node->log_ends;
		$way->{run}->($session, \%context, map { $_->{value} } @markers);

		my $error = $session->error_fields // { C => 'none', M => '' };
		my $expected = $way->{state} // ($way->{shows} =~ /ERROR/ ? '\w{5}' : 'none');
		like($error->{C}, qr/^(?:$expected)$/, "$scrubbing, $way->{name}: it fails or not") or diag($error->{M});
		$session->query('SELECT 1 AS here_it_ends');
		my %logged = $node->logged_until('here_it_ends', %start);
		check_log($scrubbing, $way->{name}, \@markers, %logged) unless $scrubbing eq 'off' && $way->{unseen};
		like(${ $logged{stderr} }, $way->{shows}, "$scrubbing, $way->{name}: the log shows what it was") unless $scrubbing eq 'off';
		$session->quit;
	}
	$context{other}->quit;
}

# What a subscriber cannot apply.
foreach my $scrubbing (qw(off sealed))
{
	my ($dbname, $name) = ("scrubbing_$scrubbing", "sent_$scrubbing");
	my @markers = make_markers(1, 'name');
	my %start = $node->log_ends;
	# The publisher may log nothing, or the value is in the log in any case.
	$node->safe_psql('postgres', "CREATE TABLE $name (id text PRIMARY KEY); CREATE PUBLICATION $name FOR TABLE $name;
		SELECT pg_create_logical_replication_slot('$name', 'pgoutput')");
	$node->safe_psql($dbname, "CREATE TABLE $name (id int PRIMARY KEY);
		CREATE SUBSCRIPTION $name CONNECTION ${\literal($node->connstr('postgres'))} PUBLICATION $name WITH (create_slot = false, copy_data = false, disable_on_error = true)");
	my $session = WireSession->connected($node);
	$session->run('SET pii.log_scrubbing = "all"');
	$session->run("INSERT INTO $name VALUES (${\literal($markers[0]{value})})");
	$node->poll_query_until($dbname, "SELECT NOT subenabled FROM pg_subscription WHERE subname = '$name'") or die 'the subscriber does not fail';
	$session->run('SELECT 1 AS here_it_ends');
	my %logged = $node->logged_until('here_it_ends', %start);
	check_log($scrubbing, 'a subscriber', \@markers, %logged);
	like(${ $logged{stderr} }, qr/invalid input syntax for type integer: "\.\.\."/, 'sealed, a subscriber: the log shows what it was') if $scrubbing ne 'off';
	$session->quit;
}

# The postmaster tells what a process did that was killed.
foreach my $scrubbing (qw(off sealed))
{
	my @markers = make_markers(1);
	my %start = $node->log_ends;
	my $session = WireSession->connected($node, dbname => "scrubbing_$scrubbing");
	$session->begin("SELECT pg_sleep(600), ${\literal($markers[0]{value})}");
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = ${\$session->pid} AND wait_event = 'PgSleep'");
	kill 'KILL', $session->pid;
	my %logged = $node->logged_until('ready to accept connections', %start);
	check_log($scrubbing, 'a crash', \@markers, %logged);
	like(${ $logged{stderr} }, qr/Failed process was running: SELECT pg_sleep\(600\), '\.\.\.'/, 'sealed, a crash: the log shows what it was') if $scrubbing ne 'off';
}

cmp_ok($number_of_values, '>=', 1000, 'a thousand values were looked for');
$node->stop;
done_testing();
