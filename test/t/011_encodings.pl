# Sealed values are UTF-8 whatever the encoding of the database; what cannot be converted is refused without showing it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main');
foreach my $encoding (qw(LATIN1 WIN1252 EUC_JP SQL_ASCII))
{
	my $dbname = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $dbname TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->safe_psql($dbname, 'CREATE EXTENSION pii; CREATE TABLE people (id int, name pii_text(name), note pii_text)');
}
my $utf8 = q{SET client_encoding = 'UTF8';};

# The bytes of the value must be in no message, in whatever form.
sub shows_nothing
{
	my ($error, $name, @bytes) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @shown = grep { $error =~ $_ } qr/0x/i, qr/[\x80-\xff]/, map { qr/\Q$_\E/i } @bytes;
	is(join(', ', @shown), '', $name) or diag($error);
	return;
}

# Values in the repertoire: é is one byte in LATIN1 and WIN1252, 漢 two in EUC_JP.
my %fits = (latin1 => [ 'René Müller', '52656ee9204dfc6c6c6572' ], win1252 => [ 'Zoë €50 “x”', '5a6feb2080353020937894' ],
	euc_jp => [ '漢字 かな', 'b4c1bbfa20a4aba4ca' ]);
foreach my $dbname (sort keys %fits)
{
	my ($text, $hex) = @{ $fits{$dbname} };
	my @in = (dbname => $dbname);
	$node->gives("$utf8 INSERT INTO people VALUES (1, '$text', '$text'); SELECT name, pii_reveal(note), pii_try_reveal(note) FROM people",
		"$text|$text|$text", "$dbname: a value comes back", @in);
	$node->gives("SELECT encode(convert_to(pii_reveal(note), '$dbname'), 'hex') FROM people", $hex,
		"$dbname: it comes back in the encoding of the database", @in);
	$node->gives("$utf8 SET pii.view = 'plain'; COPY people (note) TO STDOUT", $text, "$dbname: COPY converts", @in);
	# Binary: the bytes on the wire are those of the client's encoding, there and back.
	foreach my $client ([ 'UTF8', $text ], [ $dbname, pack('H*', $hex) ])
	{
		my ($encoding, $bytes) = @$client;
		my $file = $node->basedir . "/$dbname.$encoding";
		$node->gives("SET client_encoding = '$encoding'; SET pii.view = 'plain'; COPY people (note) TO '$file' (FORMAT binary);"
			  . " CREATE TABLE copied (note pii_text(name)); COPY copied FROM '$file' (FORMAT binary); $utf8 SELECT note FROM copied",
			$text, "$dbname: COPY in binary converts from and to $encoding", @in);
		ok(index(slurp_file($file), $bytes) >= 0, "$dbname: the file of COPY in binary is in $encoding");
		$node->safe_psql($dbname, 'DROP TABLE copied');
	}
	my $sealed = $node->safe_psql($dbname, 'SELECT pii_sealed(note) FROM people');
	is(length(sealed_bytes($sealed)), 46 + length($text), "$dbname: it is sealed as UTF-8");
	$node->gives("$utf8 SELECT '$sealed'::pii_text", $text, "$dbname: a database in UTF-8 reads it");
	$node->gives("$utf8 SELECT pii_mask(pii_seal('$text', 'name')) = name::text FROM (SELECT set_config('pii.view', 'masked', false)) s, people",
		't', "$dbname: the mask is converted", @in);
	$node->gives("$utf8 UPDATE people SET note = pii_rewrap(note); SELECT note FROM people", $text, "$dbname: rewrapping leaves it", @in);
}

# Values outside of it, sealed in a database in UTF-8
my $foreign = 'Ольга Иванова';
my $sealed = $node->safe_psql('postgres', "$utf8 SELECT pii_sealed(pii_seal('$foreign', 'name'))");
my @forms = ('Ольга', 'Иванова', 'd09e', '\\xd0');
$node->succeeds("INSERT INTO people VALUES (2, '$sealed')", 'latin1: a value that it cannot show can be stored', dbname => 'latin1');
foreach my $use ('SELECT name FROM people WHERE id = 2', 'SELECT pii_reveal(name) FROM people WHERE id = 2',
	'SELECT pii_try_reveal(name) FROM people WHERE id = 2', q{SET pii.view = 'plain'; COPY people TO STDOUT (FORMAT binary)},
	'SELECT to_jsonb(name) FROM people WHERE id = 2', 'SELECT pii_mask(name) FROM people WHERE id = 2')
{
	my $error = $node->fails("$utf8 $use", '22P05', qr/value cannot be shown in the encoding of this database/, "latin1: $use",
		dbname => 'latin1');
	shows_nothing($error, "latin1: $use: the message shows nothing of the value", @forms);
}
$node->gives('SELECT pii_sealed(name) FROM people WHERE id = 2', $sealed, 'latin1: its sealed text can be shown', dbname => 'latin1');
$node->gives(q{SELECT pii_class_of(name), pii_key_version(pii_rewrap(name)) FROM people WHERE id = 2}, 'name|1',
	'latin1: it can be rewrapped', dbname => 'latin1');
my $moved = $node->safe_psql('latin1', 'SELECT pii_sealed(pii_rewrap(name)) FROM people WHERE id = 2');
$node->gives("$utf8 SELECT '$moved'::pii_text", $foreign, 'latin1: nothing is lost on the way');

# No encoding at all: UTF-8 or nothing
my @ascii = (dbname => 'sql_ascii');
$node->gives("INSERT INTO people VALUES (1, 'René 漢字', 'plain'); SELECT name, note FROM people", 'René 漢字|plain',
	'sql_ascii: valid UTF-8 comes back', @ascii);
$node->gives('SELECT octet_length(pii_reveal(name)) FROM people', length('René 漢字'), 'sql_ascii: as the same bytes', @ascii);
$node->gives("SELECT '$sealed'::pii_text", $foreign, 'sql_ascii: a value of a database in UTF-8 comes back', @ascii);
foreach my $bad ('Secret\xff', 'Secret\xc3', '\xe9Secret', 'Secret\xed\xa0\x80', 'Secret\xc0\xaf')
{
	foreach my $use (qq{SELECT pii_seal(E'$bad', 'name')}, qq{SELECT E'$bad'::text::pii_text}, qq{INSERT INTO people VALUES (3, E'$bad')},
		qq{PREPARE p AS INSERT INTO people VALUES (3, \$1); EXECUTE p(E'$bad')}, qq{SELECT pii_reveal(E'$bad'::text::pii_text)})
	{
		my $error = $node->fails($use, '22021', qr/value is not valid UTF-8/, 'sql_ascii: ' . $use =~ s/\\/\\\\/gr, @ascii);
		shows_nothing($error =~ s/^(?:STATEMENT|LINE \d+):.*$//mr, 'sql_ascii: the message shows nothing of the value', 'Secret');
	}
}
$node->gives('SELECT count(*) FROM people', '1', 'sql_ascii: nothing of it is stored', @ascii);

# PostgreSQL itself refuses these before they reach the type, and quotes their bytes: known, and the client's own input.
my (undef, undef, $own) = $node->sql(q{SELECT pii_seal(convert_from('\xff', 'UTF8'))});
like($own, qr/22021: invalid byte sequence/, 'a database in UTF-8: PostgreSQL refuses invalid bytes itself');

done_testing();
