# Damaged bytes in the heap file are an error, and the rest of the table stays readable.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main', conf => "autovacuum = off\n");

# FORMAT.md: mark 0, format 1, class 2-3, key version 4-5, nonce 6-29, ciphertext, tag of 16 bytes.
my %damage = (
	'mark'              => { offset => 0,   xor => 0x41 },
	'format, algorithm' => { offset => 1,   xor => 0x02, state => 'XX001', message => qr/stored value is damaged\nDETAIL:  Its format/ },
	'format, padded'    => { offset => 1,   xor => 0x10, state => 'XX001', message => qr/could not authenticate sealed value/ },
	'format, context'   => { offset => 1,   xor => 0x20, state => '0A000', message => qr/bound to the context/ },
	'format, reserved'  => { offset => 1,   xor => 0x80, state => 'XX001', message => qr/stored value is damaged\nDETAIL:  Its format/ },
	'class, other'      => { offset => 3,   xor => 0x07, state => 'XX001', message => qr/could not authenticate.*Class phone, key version 1/s },
	'class, undeclared' => { offset => 2,   xor => 0x80, state => '55000', message => qr/class 32772 is not declared in the keyring/ },
	'version, other'    => { offset => 5,   xor => 0x02, state => '55000', message => qr/key version 3 of domain "default" is not in the keyring/ },
	'version, high'     => { offset => 4,   xor => 0xff, state => '55000', message => qr/key version 65281 of domain "default" is not/ },
	'version, existing' => { offset => 5,   xor => 0x03, state => 'XX001', message => qr/could not authenticate.*Class ssn, key version 2/s },
	'version, zero'     => { offset => 5,   xor => 0x01, state => 'XX001', message => qr/stored value is damaged\nDETAIL:  Its key version is 0/ },
	'nonce, first byte' => { offset => 6,   xor => 0x01, state => 'XX001', message => qr/could not authenticate sealed value/ },
	'nonce, last byte'  => { offset => 29,  xor => 0x80, state => 'XX001', message => qr/could not authenticate sealed value/ },
	'ciphertext'        => { offset => 30,  xor => 0x01, state => 'XX001', message => qr/could not authenticate sealed value/ },
	'ciphertext, end'   => { offset => -17, xor => 0x80, state => 'XX001', message => qr/could not authenticate sealed value/ },
	'tag, first byte'   => { offset => -16, xor => 0x01, state => 'XX001', message => qr/could not authenticate sealed value/ },
	'tag, last byte'    => { offset => -1,  xor => 0x80, state => 'XX001', message => qr/could not authenticate sealed value/ });

# A second version, so that a value can be moved to one that exists.
pii_keyring('add', $node->keyring, 'seal');
$node->restart;

$node->safe_psql('postgres', q{CREATE TABLE people (id int PRIMARY KEY, kind text, ssn pii_text(ssn), big pii_text)});
my %id_of;
my $id = 0;
foreach my $kind ('none', sort keys %damage)
{
	$id_of{$kind} = ++$id;
	$node->safe_psql('postgres', "INSERT INTO people VALUES ($id, '$kind', '912-00-' || to_char($id, 'FM0000'), 'note $id')");
}
my $rows = $id;
# One value out of line.
$node->safe_psql('postgres', q{CREATE TABLE big (id int, note pii_text);
	INSERT INTO big SELECT i, repeat('long note ' || i || ' ', 3000) FROM generate_series(1, 2) i});
my %sealed = map { /\A(\d+)\|(.*)\z/ } split /\n/, $node->safe_psql('postgres', 'SELECT id, pii_sealed(ssn) FROM people');
my $big = sealed_bytes($node->safe_psql('postgres', 'SELECT pii_sealed(note) FROM big WHERE id = 1'));
my $heap = $node->pgdata . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('people')});
my $toast = $node->pgdata . '/' . $node->safe_psql('postgres',
	q{SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'big'});
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;

sub flip
{
	my ($path, $where, $offset, $xor) = @_;
	my $content = slurp_file($path);
	my $at = index($content, $where);
	die 'the value is not in the file' if $at < 0;
	die 'the value is in the file twice' if index($content, $where, $at + 1) >= 0;
	$at += $offset >= 0 ? $offset : length($where) + $offset;
	open my $file, '+<:raw', $path or die $!;
	seek $file, $at, 0;
	print $file chr(ord(substr $content, $at, 1) ^ $xor);
	close $file;
	return;
}

flip($heap, sealed_bytes($sealed{ $id_of{$_} }), $damage{$_}{offset}, $damage{$_}{xor}) foreach keys %damage;
# Out of line values lie in pieces of nearly 2000 bytes: damage one far from the first.
flip($toast, substr($big, 20_000, 100), 50, 0x01);
$node->start;

$node->gives('SELECT ssn FROM people WHERE id = 1', '912-00-0001', 'an undamaged value beside damaged ones is readable');
foreach my $kind (sort grep { defined $damage{$_}{state} } keys %damage)
{
	my ($state, $message) = @{ $damage{$kind} }{qw(state message)};
	my $where = "FROM people WHERE id = $id_of{$kind}";
	my $errors = '';
	foreach my $use ("SELECT ssn $where", "SELECT pii_reveal(ssn) $where", "SELECT pii_mask(ssn) $where", "SELECT to_jsonb(ssn) $where",
		"SET pii.view = 'plain'; COPY (SELECT ssn $where) TO STDOUT (FORMAT binary)", "SELECT pii_rewrap(ssn) $where",
		"UPDATE people SET ssn = pii_rewrap(ssn) WHERE id = $id_of{$kind}")
	{
		$errors .= $node->fails($use, $state, $message, "$kind: " . $use =~ s/ FROM.*| WHERE.*//r);
	}
	unlike($errors, qr/912|\\x|pii:v/, "$kind: no message shows the value, plain or sealed");
	$node->gives("SELECT pii_try_reveal(ssn) IS NULL $where", 't', "$kind: pii_try_reveal gives NULL");
}

# Without the mark a value passes for plaintext from before adoption, for which the output function shows nothing.
my $where = "FROM people WHERE id = $id_of{mark}";
$node->gives("SELECT ssn, to_jsonb(ssn), format('%s', ssn) $where", '****|"****"|****', 'mark: the output shows nothing');
$node->gives("SET pii.view = 'masked'; SELECT ssn $where", '****', 'mark: the masked view shows nothing');
$node->gives("SELECT pii_mask(ssn) $where", '****', 'mark: the mask shows nothing');
foreach my $use ("SELECT pii_reveal(ssn) $where", "SELECT pii_sealed(ssn) $where", "SELECT pii_rewrap(ssn) $where",
	"SET pii.view = 'sealed'; SELECT ssn $where", "UPDATE people SET ssn = pii_rewrap(ssn) WHERE id = $id_of{mark}",
	"SELECT pii_text(ssn, 2, false) $where")
{
	my $error = $node->fails($use, 'XX001', qr/stored value is damaged\nDETAIL:  It does not begin with the mark/,
		'mark: ciphertext is not taken for plaintext: ' . $use =~ s/ FROM.*| WHERE.*//r);
	unlike($error, qr/0x|\\x/, 'mark: the message shows no bytes');
}
$node->gives("SELECT pii_try_reveal(ssn) IS NULL $where", 't', 'mark: pii_try_reveal gives NULL');

# Out of line

$node->fails('SELECT note FROM big WHERE id = 1', 'XX001', qr/could not authenticate/, 'out of line: damage far inside is noticed');
$node->fails('SELECT substr(pii_reveal(note), 1, 10) FROM big WHERE id = 1', 'XX001', qr/could not authenticate/,
	'out of line: not even the undamaged beginning is shown');
$node->gives(q{SELECT id, md5(pii_try_reveal(note)) = md5(repeat('long note ' || id || ' ', 3000)) FROM big ORDER BY id}, "1|\n2|t",
	'out of line: other values are readable');

# The table as a whole

$node->fails("SELECT pii_reveal(ssn) FROM people WHERE id <> $id_of{mark} ORDER BY kind LIKE 'cipher%' DESC", 'XX001',
	qr/could not authenticate/, 'a statement over all rows meets the damage');
my $readable = 1;
$node->gives('SELECT count(*), count(pii_try_reveal(ssn)) FROM people', "$rows|$readable", 'pii_try_reveal gets through the whole table');
$node->gives('SELECT count(*), count(pii_reveal(big)) FROM people', "$rows|$rows", 'other columns of damaged rows are readable');
$node->succeeds('ANALYZE people', 'ANALYZE of the damaged table');
$node->succeeds('VACUUM FULL people', 'VACUUM FULL of the damaged table');
$node->gives(q{UPDATE people SET ssn = '912-99-9999' WHERE pii_try_reveal(ssn) IS NULL; SELECT count(*) FROM people
	WHERE pii_reveal(ssn) = '912-99-9999'}, $rows - $readable, 'damaged values can be found and replaced');

unlike(slurp_file($node->logfile), qr/912-00-/, 'the log shows no value');

done_testing();
