# A session needs no setup and keeps no state that a pooler could lose or pass on.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main');
$node->safe_psql('postgres', q{
	CREATE TABLE people (id int, name pii_text(name));
	INSERT INTO people VALUES (1, 'Jane Doe');
	CREATE ROLE clerk LOGIN; CREATE ROLE other LOGIN; GRANT clerk TO other;
	GRANT ALL ON people TO clerk; SELECT pii_grant('clerk', 'name', 'REVEAL')});
my $read = 'SELECT name FROM people WHERE id = 1';

# First statements
$node->gives($read, 'Jane Doe', 'a new connection reads at its first statement');
$node->gives($read, 'Jane Doe', 'a new connection reads at its first statement, as a user', user => 'clerk');
$node->gives(q{INSERT INTO people VALUES (2, 'First Statement') RETURNING name}, 'First Statement',
	'a new connection seals at its first statement', user => 'clerk');
$node->gives(q{SET pii.view = 'plain'; COPY (SELECT name FROM people WHERE id = 1) TO STDOUT}, 'Jane Doe', 'a new connection copies at its first statement');
$node->gives(q{SHOW pii.view; SHOW pii.domain}, "auto\ndefault", 'a new connection has the settings of the extension', user => 'clerk');
{
	local $ENV{PGOPTIONS} = '-c pii.view=masked';
	$node->gives($read, 'J*** D***', 'a setting can come with the connection', user => 'clerk');
}

# What a pooler sends between two clients, in one connection
my $session = $node->background_psql('postgres', on_error_stop => 0);
is($session->query_safe($read), 'Jane Doe', 'one connection reads');
foreach my $reset ('RESET ALL', 'DISCARD ALL', 'DISCARD PLANS', 'DISCARD SEQUENCES', 'DISCARD TEMP', 'RESET SESSION AUTHORIZATION',
	'DEALLOCATE ALL', 'CLOSE ALL', 'UNLISTEN *', 'ROLLBACK', q{SET SESSION AUTHORIZATION clerk}, 'RESET SESSION AUTHORIZATION',
	'SET ROLE clerk', 'SET ROLE NONE')
{
	$session->query($reset);
	is($session->query($read), 'Jane Doe', "reads after $reset");
}
foreach my $reset ('RESET ALL', 'DISCARD ALL')
{
	$session->query(q{SET pii.view = 'masked'});
	is($session->query($read), 'J*** D***', "pii.view is lowered before $reset");
	$session->query($reset);
	is($session->query($read), 'Jane Doe', "$reset goes back to the view that the role may have");
}

# One client's transaction-local settings are not the next one's
is($session->query(qq{BEGIN; SET LOCAL pii.view = 'redacted'; $read; COMMIT}), '[name]', 'a view for one transaction');
is($session->query($read), 'Jane Doe', 'is gone with it');

# A prepared statement, kept by the pooler, follows the view of the moment
$session->query("PREPARE reader AS $read");
is($session->query('EXECUTE reader'), 'Jane Doe', 'a prepared statement reads');
is($session->query(q{SET pii.view = 'masked'; EXECUTE reader}), 'J*** D***', 'a prepared statement follows the view');
$session->query('RESET ALL');
is($session->query('EXECUTE reader') , 'Jane Doe', 'a prepared statement follows it back') for 1 .. 6;

# An error does not harm what comes after
foreach my $bad (q{SELECT 'pii:v1:AAAA'::pii_text}, q{SELECT 'pii:v9:AAEAAAAJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'::pii_text},
	q{SELECT pii_seal('x', 'no_class')}, q{SET pii.domain = 'no_such'; SELECT pii_seal('x')}, 'SELECT 1/0 FROM people WHERE pii_reveal(name) <> \'\'',
	q{SET statement_timeout = 1; SELECT count(pii_reveal(pii_seal(repeat('x', 10000)))) FROM generate_series(1, 1000000)})
{
	my ($out, $error) = $session->query($bad);
	ok($error, "fails: $bad");
	$session->{stderr} = '';
	$session->query('RESET ALL');
	is($session->query($read), 'Jane Doe', 'reads after the error');
}
$session->quit;

# Two clients' statements in turn
my @sessions = map { $node->background_psql('postgres') } 1 .. 2;
foreach my $round (1 .. 3)
{
	foreach my $i (0, 1)
	{
		$sessions[$i]->query_safe("INSERT INTO people VALUES (100 + $round * 2 + $i, 'Round $round $i')");
		is($sessions[ 1 - $i ]->query_safe("SELECT name FROM people WHERE id = 100 + $round * 2 + $i"), "Round $round $i",
			'what one connection seals the other reads');
	}
}
$_->quit foreach @sessions;

done_testing();
