# Values up to PostgreSQL's limit of 1 GB work, or fail cleanly where a form of them would exceed it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($available) = slurp_file('/proc/meminfo') =~ /^MemAvailable:\s+(\d+) kB/m;
plan skip_all => 'needs 4 GB of free memory' if !defined $available || $available < 4_000_000;

my $node = PiiCluster->started('main', conf => "max_wal_size = 2GB\nautovacuum = off\n");

# 200 MB, stored
my $mb = 1024 * 1024;
my $text_200_mb = "repeat(repeat('0123456789abcdef', $mb / 16), 200)";    # nested: repeat of one character is slow
$node->safe_psql('postgres', 'CREATE TABLE big (id int, value pii_text)');
$node->succeeds(qq{INSERT INTO big SELECT 1, $text_200_mb}, '200 MB: sealed and stored');
$node->gives(qq{SELECT md5(pii_reveal(value)) = md5($text_200_mb) FROM big}, 't', '200 MB: comes back');
$node->gives('SELECT length(pii_sealed(value)), pii_is_sealed(value), pii_class_of(value) FROM big',
	join('|', 7 + int(((200 * $mb + 46) * 8 + 5) / 6), 't', 'text'), '200 MB: has a sealed text');
$node->gives('SELECT pii_mask(value) FROM big', '****', '200 MB: has a mask');
$node->succeeds('UPDATE big SET value = pii_rewrap(value)', '200 MB: can be rewrapped');
$node->gives(q{SELECT md5(pii_reveal(pii_sealed(value)::pii_text)) = md5(pii_reveal(value)) FROM big}, 't',
	'200 MB: its sealed text comes back');
$node->safe_psql('postgres', 'TRUNCATE big');

# The sealed text of 800 MB would have 1,067 MB
SKIP:
{
	skip 'needs 12 GB of free memory or PII_LONG_TESTS', 6 if $available < 12_000_000 && !$ENV{PII_LONG_TESTS};
	$node->succeeds(qq{CREATE UNLOGGED TABLE huge AS SELECT 1 AS id, pii_seal(repeat(repeat('x', $mb), 800)) AS value}, '800 MB: sealed and stored');
	$node->gives('SELECT length(pii_reveal(value)), pii_key_version(value) FROM huge', join('|', 800 * $mb, 1), '800 MB: comes back');
	my $too_long = qr/value is too long\nDETAIL:  A value, its sealed value and its sealed text must each stay below 1 GB/;
	$node->fails('SELECT pii_sealed(value) FROM huge', '54000', $too_long, '800 MB: has no sealed text');
	$node->fails(q{SET pii.view = 'sealed'; SELECT value FROM huge}, '54000', $too_long, '800 MB: cannot be shown in the sealed view');
	$node->fails(q{SET pii.view = 'sealed'; COPY huge TO STDOUT (FORMAT binary)}, '54000', $too_long, '800 MB: nor copied');
	$node->gives('SELECT id FROM huge', '1', '800 MB: the session and the table live on');
}

# At the limit itself: the value fits a datum, and with 46 bytes more it does not.
SKIP:
{
	skip 'needs 12 GB of free memory or PII_LONG_TESTS', 2 if $available < 12_000_000 && !$ENV{PII_LONG_TESTS};
	my $limit   = 1024 * $mb - 1 - 4;
	my $text_of = sub { "(repeat(repeat('x', $mb), 1022) || repeat('x', $_[0] - 1022 * $mb))" };
	$node->gives('SELECT pii_is_sealed(pii_seal(' . $text_of->($limit - 46) . '))', 't', 'the longest value there is can be sealed');
	$node->fails('SELECT pii_is_sealed(pii_seal(' . $text_of->($limit - 45) . '))', '54000', qr/value is too long/,
		'one byte more is refused');
}
# Conversion needs room for four times the size.
$node->safe_psql('postgres', q{CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'});
$node->safe_psql('latin1', 'CREATE EXTENSION pii');
$node->gives(qq{SELECT md5(pii_reveal(pii_seal(repeat(repeat(E'\\xe9', $mb), 20)))) = md5(repeat(repeat(E'\\xe9', $mb), 20))}, 't',
	'latin1: 20 MB come back', dbname => 'latin1');
$node->fails(qq{SELECT pii_seal(repeat(repeat(E'\\xe9', $mb), 600))}, '54000', qr/value is too long/,
	'latin1: 600 MB that would be 1,200 MB of UTF-8 are refused', dbname => 'latin1');

done_testing();
