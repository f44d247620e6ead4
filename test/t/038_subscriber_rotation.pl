# A subscriber of logical replication rotates the keys of its blind indexes: its apply worker, which runs no statements, keeps to
# the version of a unique index as sessions do, and what is stored already is not stored again.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PiiCluster->started('publisher', allows_streaming => 'logical');
my $subscriber = PiiCluster->new('subscriber');
$subscriber->init(keyring => $publisher->keyring, allows_streaming => 'logical');
$subscriber->start;

my $columns = 'id int PRIMARY KEY, email pii_text(email)';
$publisher->safe_psql('postgres', "CREATE TABLE people ($columns);
	INSERT INTO people SELECT i, 'u' || i || '\@example.org' FROM generate_series(1, 10) i;
	CREATE PUBLICATION everything FOR TABLE people");
$subscriber->safe_psql('postgres', "CREATE EXTENSION pii;
	CREATE TABLE people ($columns, email_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED UNIQUE);
	CREATE TABLE other ($columns); CREATE INDEX ON other (pii_blind_index(email));
	CREATE SUBSCRIPTION everything CONNECTION '" . $publisher->connstr . " dbname=postgres' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($publisher, 'everything');

# Writes a row on the publisher and waits until the subscriber has it; gives the version of its hash there.
sub version_of_new_row
{
	my ($id) = @_;
	$publisher->safe_psql('postgres', "INSERT INTO people VALUES ($id, 'u$id\@example.org')");
	$publisher->wait_for_catchup('everything');
	return $subscriber->safe_psql('postgres', "SELECT pii_key_version(email_key) FROM people WHERE id = $id");
}

is($subscriber->safe_psql('postgres', 'SELECT count(*), min(pii_key_version(email_key)) FROM people'), '10|1', 'the initial copy');
is(version_of_new_row(11), 1, 'a row comes under the only version');

foreach my $step ([ 'add', 'blind_index' ], [ 'promote', 'blind_index', 2 ])
{
	my ($command, @arguments) = @$step;
	pii_keyring($command, $subscriber->keyring, @arguments);
	$subscriber->safe_psql('postgres', 'SELECT pii_reload_keyring()');
}
is(version_of_new_row(12), 1, 'a unique index without a guard stays on its version');
$subscriber->succeeds(q{CREATE UNIQUE INDEX CONCURRENTLY guard ON people (pii_blind_index(email, 'exact', 2))}, 'a guard is made');
is(version_of_new_row(13), 2, 'with a guard, rows come under the primary version');
$subscriber->succeeds(q{CALL pii_rewrap_column('people', 'email')}, 'the others are moved');
$subscriber->gives('SELECT count(*), min(pii_key_version(email_key)) FROM people', '13|2', 'all of them');
$subscriber->safe_psql('postgres', 'DROP INDEX guard');
is(version_of_new_row(14), 2, 'the index stands on the new version then');

# The publisher has no unique index, and sends what is there already.
my $offset = $subscriber->log_size;
$publisher->safe_psql('postgres', q{INSERT INTO people VALUES (100, 'U1@Example.org')});
$subscriber->poll_query_until('postgres', q{SELECT apply_error_count > 0 FROM pg_stat_subscription_stats}) or die;
like($subscriber->log_since($offset), qr/duplicate key value violates unique constraint "people_email_key_key"/,
	'a value that is there already is refused');
$subscriber->gives('SELECT count(*) FROM people', '14', 'and is not there twice');

$subscriber->stop;
$publisher->stop;
done_testing();
