# What search cannot do fails when it is parsed, and says what is wrong without repeating a value; what it can do in the
# place of that (unique generated columns, upsert, foreign keys, transforms, words, hash indexes) does it.

use strict;
use warnings;
use utf8;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->new('main');
$node->init(conf => "autovacuum = off\n");
my $keyring = read_keyring($node->keyring);
$keyring->{classes} = [
	{ id => 1000, name => 'member_no', normalize => 'alphanumeric', mask => { keep_last => 3 }, transforms => [ 'first3',
		'last4' ] },
	{ id => 1001, name => 'nickname',  normalize => 'name',         mask => { keep_last => 1 } },
	{ id => 1002, name => 'sealed_only', normalize => 'none',       mask => { keep_last => 1 } } ];
write_keyring($node->keyring, $keyring);
$node->start;

my $value = '123-45-6789';
my $rows = 2000;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION pii;
	CREATE TABLE people (id int, ssn pii_text(ssn), name pii_text(name), email pii_text(email), token pii_text(secret), plain text);
	INSERT INTO people VALUES (1, '$value', 'Maria Lopez', 'Ann\@X.org', 'A Token', '$value'), (2, '987-65-4321',
		'Bob', NULL, NULL, 'x')});

# Errors of this test that were given a value; none may repeat it.
my $errors = '';
sub refuses
{
	my ($sql, $state, $message, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $error = $node->fails($sql, $state, $message, $name // $sql);
	$errors .= $error;
	return $error;
}

# ---------------------------------------------------------------------------------------------------------------------
# No order: refused when parsed, which PREPARE shows, for it executes nothing

my $no_operator = sub { my ($operator) = @_; return qr/operator does not exist: pii_text \Q$operator\E \w+/ };
my $no_order    = qr/could not identify an ordering operator for type pii_text/;
my $no_function = sub { my ($function) = @_; return qr/function $function\(pii_text.*\) does not exist/ };
foreach my $case (
	[ "WHERE ssn < '$value'",                              '42883', $no_operator->('<') ],
	[ "WHERE ssn <= '$value'",                             '42883', $no_operator->('<=') ],
	[ "WHERE ssn > '$value'::text",                        '42883', $no_operator->('>') ],
	[ 'WHERE ssn >= ssn',                                  '42883', $no_operator->('>=') ],
	[ "WHERE ssn BETWEEN '$value' AND '$value'",           '42883', $no_operator->('>=') ],
	[ "WHERE (ssn, id) < ('$value', 1)",                   '42883', $no_operator->('<') ],
	[ "WHERE ssn LIKE '$value%'",                          '42883', $no_operator->('~~') ],
	[ "WHERE ssn NOT LIKE '$value%'",                      '42883', $no_operator->('!~~') ],
	[ "WHERE ssn ILIKE '$value%'",                         '42883', $no_operator->('~~*') ],
	[ "WHERE ssn SIMILAR TO '$value'",                     '42883', $no_operator->('~') ],
	[ "WHERE ssn ~ '$value'",                              '42883', $no_operator->('~') ],
	[ "WHERE ssn ^\@ '$value'",                            '42883', $no_operator->('^@') ],
	[ "WHERE lower(ssn) = '$value'",                       '42883', $no_function->('lower') ],
	[ "WHERE length(ssn) = 11",                            '42883', $no_function->('length') ],
	[ "WHERE strpos(ssn, '$value') > 0",                   '42883', $no_function->('strpos') ],
	[ 'WHERE ssn = 123456789',                             '42883', $no_operator->('=') ],
	[ 'ORDER BY ssn',                                      '42883', $no_order ],
	[ 'ORDER BY ssn USING <',                              '42883',
		qr/operator does not exist|no.* ordering operator|operator < is not a valid/ ],
	[ 'ORDER BY (SELECT p.ssn)',                           '42883', $no_order ])
{
	my ($clause, $state, $message) = @$case;
	refuses("PREPARE refused AS SELECT id FROM people p $clause", $state, $message, $clause =~ s/\Q$value\E/x/gr);
}
foreach my $case (
	[ 'min(ssn)',                                  '42883', $no_function->('min') ],
	[ 'max(ssn)',                                  '42883', $no_function->('max') ],
	[ 'string_agg(ssn, $$,$$)',                    '42883', $no_function->('string_agg') ],
	[ 'count(DISTINCT ssn)',                       '42883', qr/$no_order.*Aggregates with DISTINCT/s ],
	[ 'array_agg(ssn ORDER BY ssn)',               '42883', $no_order ],
	[ 'mode() WITHIN GROUP (ORDER BY ssn)',        '42883', $no_order ],
	[ 'rank() OVER (ORDER BY ssn)',                '42883', $no_order ])
{
	my ($expression, $state, $message) = @$case;
	refuses("PREPARE refused AS SELECT $expression FROM people", $state, $message, $expression);
}
# PostgreSQL finds these out when it plans.
refuses('EXPLAIN SELECT greatest(ssn, ssn) FROM people', '42883', qr/could not identify a comparison function for type pii_text/,
	'greatest');
refuses('EXPLAIN SELECT count(*) OVER (PARTITION BY ssn) FROM people', '0A000',
	qr/could not implement window PARTITION BY\nDETAIL:  Window partitioning columns must be of sortable datatypes\./,
		'PARTITION BY');
refuses("PREPARE refused AS SELECT * FROM people a FULL JOIN people b ON a.ssn < b.ssn", '42883', $no_operator->('<'),
	'a join by order');

# Indexes and constraints that need an order
my $no_class = sub { my ($method) = @_; return qr/data type pii_text has no default operator class for access method "$method"/ };
foreach my $case (
	[ 'CREATE INDEX ON people (ssn)',                            $no_class->('btree') ],
	[ 'CREATE INDEX ON people (id, ssn)',                        $no_class->('btree') ],
	[ 'CREATE INDEX ON people USING gist (ssn)',                 $no_class->('gist') ],
	[ 'CREATE INDEX ON people USING brin (ssn)',                 $no_class->('brin') ],
	[ 'CREATE INDEX ON people USING gin (ssn)',                  $no_class->('gin') ],
	[ 'CREATE UNIQUE INDEX ON people (ssn)',                     $no_class->('btree') ],
	[ 'ALTER TABLE people ADD UNIQUE (ssn)',                     $no_class->('btree') ],
	[ 'ALTER TABLE people ADD PRIMARY KEY (ssn)',                $no_class->('btree') ],
	[ 'ALTER TABLE people ADD EXCLUDE (ssn WITH =)',             $no_class->('btree') ],
	[ 'ALTER TABLE people ADD EXCLUDE USING btree (ssn WITH =)', $no_class->('btree') ],
	[ 'CREATE TABLE listed (ssn pii_text(ssn)) PARTITION BY LIST (ssn)',   $no_class->('btree') ],
	[ 'CREATE TABLE ranged (ssn pii_text(ssn)) PARTITION BY RANGE (ssn)',  $no_class->('btree') ])
{
	refuses($case->[0], '42704', $case->[1]);
}
refuses('CREATE TABLE child (ssn pii_text(ssn) REFERENCES people (ssn))', '42830',
	qr/there is no unique constraint matching given keys/,
	'a foreign key on the column itself');
refuses("INSERT INTO people (ssn) VALUES ('$value') ON CONFLICT (ssn) DO NOTHING", '42P10',
	qr/there is no unique or exclusion constraint matching the ON CONFLICT/, 'ON CONFLICT on the column itself');
refuses('CREATE STATISTICS refused ON ssn, id FROM people', '0A000', qr/type pii_text has no default btree operator class/,
	'extended statistics of the column');

# What needs equality alone works.
$node->gives("SELECT count(*) FROM (SELECT DISTINCT ssn FROM people) s", '2', 'DISTINCT');
$node->gives('SELECT count(*) FROM (SELECT DISTINCT ON (ssn) id FROM people) s', '2', 'DISTINCT ON');
$node->gives('SELECT count(*) FROM (SELECT ssn FROM people GROUP BY ssn) s', '2', 'GROUP BY');
$node->gives('SELECT count(*) FROM (SELECT ssn FROM people GROUP BY GROUPING SETS ((ssn), ())) s', '3', 'GROUPING SETS');
$node->gives("SELECT count(*) FROM (SELECT ssn FROM people UNION SELECT pii_seal('123456789', 'ssn')) s", '2', 'UNION');
$node->gives("SELECT count(*) FROM (SELECT ssn FROM people EXCEPT SELECT pii_seal('123456789', 'ssn')) s", '1', 'EXCEPT');
$node->gives(q{SELECT string_agg(id::text, ',' ORDER BY id) FROM people WHERE ssn IS DISTINCT FROM '123456789'}, '2',
	'IS DISTINCT FROM');
$node->gives(q{SELECT id, nullif(ssn, '123456789') IS NULL, CASE ssn WHEN '123456789' THEN 'a' ELSE 'b' END
	FROM people ORDER BY id}, "1|t|a\n2|f|b", 'nullif and CASE');
$node->gives(q{SELECT id FROM people WHERE (ssn, id) = ('123456789', 1)}, '1', 'equality of rows');
$node->gives(q{SELECT id FROM people WHERE (ssn, id) IN (('123456789', 1), ('987654321', 1))}, '1', 'IN of rows');
$node->gives(q{SELECT id FROM people WHERE (ssn, id) IN (SELECT ssn, id FROM people) ORDER BY id}, "1\n2",
	'IN of a row and a sub-select');

# ---------------------------------------------------------------------------------------------------------------------
# Classes, transforms and values that are none; what is passed as one may be a value, so it is not repeated

my $not_searchable = qr/values of class secret cannot be searched/;
foreach my $sql ("SELECT id FROM people WHERE token = '$value'", "SELECT id FROM people WHERE token <> '$value'",
	"SELECT id FROM people WHERE token IN ('$value', '2')", "SELECT id FROM people WHERE token = ANY (ARRAY['$value', '2'])",
	'SELECT DISTINCT token FROM people WHERE token IS NOT NULL', 'SELECT token FROM people WHERE token IS NOT NULL GROUP BY token',
	'SELECT a.id FROM people a JOIN people b ON a.token = b.token', 'SELECT a.id FROM people a JOIN people b ON a.token = b.plain',
	'SELECT pii_blind_index(token) FROM people', q{SELECT pii_blind_index(token, 'last4') FROM people},
	'SELECT pii_word_index(token) FROM people', 'SELECT pii_text_hash(token) FROM people',
	'SELECT pii_text_hash_extended(token, 1) FROM people', "SELECT pii_search_terms('$value', 'secret')",
	"SELECT pii_search_terms('$value', 'secret', 'last4')", "SELECT pii_search_terms(ARRAY['$value'], 'secret')",
	"SELECT pii_word_terms('$value', 'secret')", "SELECT pii_search_terms('$value', 'sealed_only')",
	q{SELECT pii_index_advice('secret', 'exact', 100)}, 'CREATE INDEX ON people (pii_blind_index(token))',
	'CREATE INDEX ON people USING hash (token)', 'CREATE INDEX ON people USING gin (pii_word_index(token))',
	'ALTER TABLE people ADD token_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(token)) STORED')
{
	my $expected = $sql =~ /sealed_only/ ? qr/values of class sealed_only cannot be searched/ : $not_searchable;
	refuses($sql, '0A000', $expected, 'class secret: ' . $sql =~ s/\Q$value\E/x/gr);
}
$node->gives('SELECT count(*) FROM people WHERE token IS NOT NULL', '1', 'class secret: IS NOT NULL compares nothing');
$node->gives(q{SELECT name FROM pii_classes WHERE NOT searchable}, "secret\nsealed_only",
	'pii_classes says what cannot be searched');

my $wrong_transform = sub {
	my ($class, $transform, $allowed) = @_;
	return qr/values of class $class cannot be searched by transform "$transform"\nHINT:  The transforms of the class are: $allowed\.\n/;
};
foreach my $case (
	[ q{SELECT pii_blind_index(ssn, 'domain') FROM people},                   'ssn',       'domain', 'exact, last4' ],
	[ q{SELECT pii_blind_index(email, 'last4') FROM people},                  'email',     'last4',  'exact, domain, local' ],
	[ q{SELECT pii_blind_index(name, 'first3') FROM people},                  'name',      'first3', 'exact, initials, word' ],
	[ "SELECT pii_search_terms('$value', 'ssn', 'year')",                     'ssn',       'year',   'exact, last4' ],
	[ "SELECT pii_search_terms('$value', 'ip', 'last4')",                     'ip',        'last4',  'exact' ],
	[ "SELECT pii_word_terms('$value', 'ssn')",                               'ssn',       'word',   'exact, last4' ],
	[ 'SELECT pii_word_index(email) FROM people',                             'email',     'word',   'exact, domain, local' ],
	[ q{SELECT pii_index_advice('dob', 'domain', 10)},                        'dob',       'domain', 'exact, year' ],
	[ "SELECT pii_search_terms('$value', 'member_no', 'initials')",           'member_no', 'initials', 'exact, last4, first3' ],
	[ "SELECT pii_search_terms('$value', 'nickname', 'initials')",            'nickname',  'initials', 'exact' ],
	[ q{CREATE INDEX ON people (pii_blind_index(ssn, 'domain'))},             'ssn',       'domain', 'exact, last4' ])
{
	my ($sql, @expected) = @$case;
	refuses($sql, '0A000', $wrong_transform->(@expected), 'transform of another class: ' . $sql =~ s/\Q$value\E/x/gr);
}

my $no_transform =
  qr/transform does not exist\nHINT:  The transforms are: exact, last4, domain, local, year, first3, initials, word\.\n/;
my $no_such_class = qr/class does not exist\nHINT:  The classes are: text, name, .*secret, member_no, nickname, sealed_only\.\n/;
refuses("SELECT pii_blind_index(ssn, '$value') FROM people", '22023', $no_transform,
	'pii_blind_index with a value for a transform');
refuses("SELECT pii_blind_index(ssn, '') FROM people",       '22023', $no_transform, 'pii_blind_index with an empty transform');
refuses("SELECT pii_blind_index(ssn, 'Last4') FROM people",  '22023', $no_transform, 'transforms are written in lower case');
refuses("SELECT pii_search_terms('x', 'ssn', '$value')",     '22023', $no_transform,
	'pii_search_terms with a value for a transform');
refuses("SELECT pii_index_advice('ssn', '$value', 10)",      '22023', $no_transform,
	'pii_index_advice with a value for a transform');
refuses("SELECT pii_search_terms('ssn', '$value')",          '22023', $no_such_class,
	'pii_search_terms with its arguments exchanged');
refuses("SELECT pii_search_terms(ARRAY['ssn'], '$value')",   '22023', $no_such_class,
	'pii_search_terms of an array with a value for a class');
refuses("SELECT pii_word_terms('name', '$value')",           '22023', $no_such_class,
	'pii_word_terms with its arguments exchanged');
refuses("SELECT pii_index_advice('$value', 'exact', 10)",    '22023', $no_such_class, 'pii_index_advice with a value for a class');
refuses(q{SELECT pii_index_advice('ssn', 'exact', 0)},       '22023', qr/number of rows must be positive/,
	'pii_index_advice for no rows');
my $several = qr/transform "word" gives several index values, not one\nHINT:  Use pii_word_index\(\) and pii_word_terms\(\)\.\n/;
refuses(q{SELECT pii_blind_index(name, 'word') FROM people}, '22023', $several, 'pii_blind_index by word');
refuses(q{SELECT pii_search_terms('Maria', 'name', 'word')}, '22023', $several, 'pii_search_terms by word');

# Input of pii_blind_index: whoever compares it with a value is told what to write, and the value is not repeated.
my $malformed =
  qr/invalid input for type pii_blind_index\nDETAIL:  It takes 32 hexadecimal digits\.\nHINT:  To search for a value, write: column = 'value', or /;
foreach my $input ("'$value'::pii_blind_index", "''::pii_blind_index", q{repeat('0', 31)::pii_blind_index},
	q{repeat('0', 33)::pii_blind_index}, q{(repeat('0', 31) || 'g')::pii_blind_index}, q{(' ' || repeat('0', 32))::pii_blind_index},
	q{('0x' || repeat('0', 30))::pii_blind_index}, q{('\x' || repeat('0', 32))::pii_blind_index}, "pii_blind_index('$value')",
	"pii_blind_index('$value'::text)")
{
	refuses("SELECT $input", '22P02', $malformed, 'malformed: ' . $input =~ s/\Q$value\E/x/gr);
}
refuses("SELECT id FROM people WHERE pii_blind_index(ssn) = '$value'", '22P02', $malformed, 'an index value compared with a value');
refuses("PREPARE refused AS SELECT id FROM people WHERE pii_blind_index(ssn) IN ('$value')", '22P02', $malformed,
	'an index value in a list of values');
$node->gives(q{SELECT repeat('aB', 16)::pii_blind_index, repeat('AB', 16)::pii_blind_index = repeat('ab', 16)::pii_blind_index},
	'ab' x 16 . '|t',
	'hexadecimal digits in either case');
refuses("SELECT id FROM people WHERE ssn = 'pii:v1:$value'", '22P02', qr/malformed sealed text/,
	'a search by malformed sealed text');

cmp_ok(length $errors, '>', 10_000, 'all these errors were read');
unlike($errors, qr/123-?45-?6789|123456789/, 'and none repeats a value it was given');

# ---------------------------------------------------------------------------------------------------------------------
# Expressions that may be stored, and those that may not

$node->safe_psql('postgres', q{
	CREATE FUNCTION same(pii_text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1 = '1'; END $$;
	CREATE FUNCTION hashed(pii_text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT pii_text_hash($1)';
	CREATE FUNCTION terms(pii_text) RETURNS pii_blind_index[] IMMUTABLE LANGUAGE plpgsql AS $$
	BEGIN RETURN pii_search_terms(pii_reveal($1), 'ssn'); END $$});
my $not_immutable = qr/must be marked IMMUTABLE|expression is not immutable/;
my $reveals = qr/that reveals a sealed column is not supported\nDETAIL:  It would store plaintext\.\nHINT:  Leave the sealed column out/;
foreach my $case (
	[ q{(ssn = '1')},                              'boolean',           '42P17', $not_immutable ],
	[ q{(ssn = '1'::text)},                        'boolean',           '42P17', $not_immutable ],
	[ 'pii_text_hash(ssn)',                        'int',               '42P17', $not_immutable ],
	[ 'pii_text_hash_extended(ssn, 0)',            'bigint',            '42P17', $not_immutable ],
	[ q{pii_search_terms(ssn, 'ssn')},             'pii_blind_index[]', '42P17', $not_immutable ],
	[ q{pii_search_terms(pii_reveal(ssn), 'ssn')}, 'pii_blind_index[]', '42P17', $not_immutable ],
	[ q{pii_word_terms(pii_reveal(name), 'name')}, 'pii_blind_index[]', '42P17', $not_immutable ],
	[ 'same(ssn)',                                 'boolean',           '0A000', $reveals ],
	[ 'hashed(ssn)',                               'int',               '0A000', $reveals ],
	[ 'terms(ssn)',                                'pii_blind_index[]', '0A000', $reveals ])
{
	my ($expression, $type, $state, $message) = @$case;
	refuses("CREATE INDEX ON people ($expression)", $state, $message, "index of $expression");
	refuses("ALTER TABLE people ADD generated $type GENERATED ALWAYS AS ($expression) STORED", $state, $message,
		"generated column of $expression");
	refuses("CREATE INDEX ON people (id) WHERE $expression", $state, $message, "index where $expression") if $type eq 'boolean';
}
refuses(q{CREATE STATISTICS refused ON (ssn = '1'), id FROM people}, '0A000', $reveals, 'statistics of an equality');
foreach my $index ('(pii_blind_index(ssn))', q{(pii_blind_index(ssn, 'last4'))}, '(pii_blind_index(ssn), id)',
	'(id, pii_blind_index(ssn))', '(pii_blind_index(ssn)) WHERE id > 0', '(pii_blind_index(ssn)) WHERE ssn IS NOT NULL',
	'(pii_key_version(pii_blind_index(ssn)))', 'USING hash (pii_blind_index(ssn))', 'USING hash (ssn)', 'USING gin (pii_word_index(name))', '(id) INCLUDE (ssn)',
	q{(id) WHERE pii_blind_index(ssn) = '00010000000000000000000000000000'})
{
	$node->succeeds("CREATE INDEX allowed ON people $index; DROP INDEX allowed", "index allowed: $index");
}
$node->succeeds('CREATE UNIQUE INDEX allowed ON people (pii_blind_index(ssn)); DROP INDEX allowed', 'unique index allowed');
foreach my $case ([ 'pii_blind_index', 'pii_blind_index(ssn)' ], [ 'pii_blind_index', q{pii_blind_index(ssn, 'last4')} ],
	[ 'pii_blind_index[]', 'pii_word_index(name)' ])
{
	my ($type, $expression) = @$case;
	$node->succeeds("ALTER TABLE people ADD allowed $type GENERATED ALWAYS AS ($expression) STORED;
		ALTER TABLE people DROP allowed", "generated column allowed: $expression");
}

# ---------------------------------------------------------------------------------------------------------------------
# Unique values, upsert and foreign keys, by a generated column

$node->safe_psql('postgres', q{
	CREATE TABLE customers (id int, email pii_text(email),
		email_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED UNIQUE);
	CREATE TABLE orders (id int, email pii_text(email),
		email_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED REFERENCES customers (email_index));
	INSERT INTO customers VALUES (1, 'Ann@X.org'), (2, 'bob@y.org')});
my $insert = q{INSERT INTO customers VALUES (3, 'ann@x.org')};
my $customers = q{SELECT string_agg(id || ' ' || pii_reveal(email), ', ' ORDER BY id) FROM customers};
my $hash = qr/0001[0-9a-f]{28}/;
my $error = $node->fails($insert, '23505',
	qr/duplicate key value violates unique constraint "customers_email_index_key"\nDETAIL:  Key \(email_index\)=\($hash\) already exists\.\n/,
	'Ann@X.org and ann@x.org are one address');
unlike($error, qr/ann|x\.org/i, 'the error of a duplicate has no value');
$node->gives(q{SELECT count(*) FROM customers WHERE email = 'ANN@x.ORG'}, '1', 'and found by either spelling');
$node->succeeds(q{INSERT INTO customers VALUES (4, NULL), (5, NULL); DELETE FROM customers WHERE id > 2},
	'NULLs are not duplicates');
$node->fails(q{UPDATE customers SET email = 'ANN@X.ORG' WHERE id = 2}, '23505', qr/"customers_email_index_key"/,
	'an UPDATE is checked');
$node->fails(q{INSERT INTO customers (email, email_index) VALUES ('x@y.org', '00000000000000000000000000000000')}, '428C9',
	qr/cannot insert a non-DEFAULT value into column "email_index"/, 'nobody writes the index value');

$node->gives("$insert ON CONFLICT DO NOTHING RETURNING id; $customers", '1 Ann@X.org, 2 bob@y.org', 'ON CONFLICT DO NOTHING');
$node->gives("$insert ON CONFLICT (email_index) DO NOTHING RETURNING id; $customers", '1 Ann@X.org, 2 bob@y.org',
	'ON CONFLICT (column) DO NOTHING');
$node->gives("$insert ON CONFLICT (email_index) DO UPDATE SET email = excluded.email RETURNING id, pii_reveal(email)",
	'1|ann@x.org', 'ON CONFLICT DO UPDATE meets the row by another spelling');
$node->gives("$insert ON CONFLICT ON CONSTRAINT customers_email_index_key DO UPDATE SET id = excluded.id RETURNING id", '3',
	'ON CONFLICT ON CONSTRAINT');
$node->gives(q{INSERT INTO customers VALUES (4, 'carl@z.org') ON CONFLICT (email_index) DO UPDATE SET id = -1 RETURNING id}, '4',
	'ON CONFLICT lets a new value in');
$node->fails(q{INSERT INTO customers VALUES (5, 'dora@z.org'), (6, 'DORA@z.org')
	ON CONFLICT (email_index) DO UPDATE SET id = excluded.id}, '21000', qr/cannot affect row a second time/, 'two spellings in one upsert are one row');
$node->gives(q{MERGE INTO customers c USING (VALUES ('CARL@Z.org'::text), ('dora@z.org')) v (email) ON c.email = v.email
	WHEN MATCHED THEN UPDATE SET id = 14 WHEN NOT MATCHED THEN INSERT (id, email) VALUES (15, v.email); } . $customers,
	'2 bob@y.org, 3 ann@x.org, 14 carl@z.org, 15 dora@z.org', 'MERGE meets rows by another spelling');

$node->succeeds(q{INSERT INTO orders VALUES (1, 'ANN@x.org'), (2, NULL)}, 'a foreign key holds by another spelling');
$error = $node->fails(q{INSERT INTO orders VALUES (3, 'nobody@x.org')}, '23503',
	qr/insert or update on table "orders" violates foreign key constraint "orders_email_index_fkey"\nDETAIL:  Key \(email_index\)=\($hash\) is not present in table "customers"\.\n/,
	'a foreign key refuses what is not there');
unlike($error, qr/nobody|x\.org/, 'the error of a foreign key has no value');
foreach my $sql (q{DELETE FROM customers WHERE email = 'ann@x.org'},
	q{UPDATE customers SET email = 'x@y.org' WHERE email = 'ann@x.org'})
{
	$error = $node->fails($sql, '23503', qr/DETAIL:  Key \(email_index\)=\($hash\) is still referenced from table "orders"\.\n/,
		'a foreign key keeps what is referred to: ' . $sql =~ s/ .*//r);
	unlike($error, qr/ann|x\.org/i, 'and its error has no value');
}
$node->succeeds(q{UPDATE customers SET email = 'aNN@X.org' WHERE email = 'ann@x.org'}, 'another spelling of what is referred to');
$node->gives('SELECT o.id, c.id FROM orders o JOIN customers c USING (email)', '1|3', 'parent and child join by their values');
refuses('ALTER TABLE orders ADD FOREIGN KEY (email_index) REFERENCES customers (email_index) ON UPDATE CASCADE', '42601',
	qr/invalid ON UPDATE action for foreign key constraint containing generated column/, 'ON UPDATE CASCADE');

# ---------------------------------------------------------------------------------------------------------------------
# Parts of values, each by an index of its own

$node->safe_psql('postgres', qq{
	CREATE TABLE parts (id int, ssn pii_text(ssn), email pii_text(email), dob pii_text(dob), postcode pii_text(postcode),
		name pii_text(name), member_no pii_text(member_no));
	INSERT INTO parts SELECT i, '123-45-' || to_char(i, 'FM0000'), 'User' || i || '\@Host' || i % 100 || '.Example.org',
		1900 + i % 120 || '-02-03', to_char(i % 500, 'FM000') || ' XY', chr(65 + i % 26) || 'ob ' || chr(65 + i / 26 % 26) || 'oe',
		'AB' || to_char(i, 'FM0000') FROM generate_series(0, $rows - 1) i;
	INSERT INTO parts VALUES (-1, 'none', 'none', 'none', '', '', '12');
	CREATE INDEX last4 ON parts (pii_blind_index(ssn, 'last4'));
	CREATE INDEX domain ON parts (pii_blind_index(email, 'domain'));
	CREATE INDEX local ON parts (pii_blind_index(email, 'local'));
	CREATE INDEX year ON parts (pii_blind_index(dob, 'year'));
	CREATE INDEX first3 ON parts (pii_blind_index(postcode, 'first3'));
	CREATE INDEX initials ON parts (pii_blind_index(name, 'initials'));
	CREATE INDEX member_last4 ON parts (pii_blind_index(member_no, 'last4'));
	CREATE INDEX member_first3 ON parts USING hash (pii_blind_index(member_no, 'first3'));
	ANALYZE parts});
foreach my $case (
	# index, column, class, transform, how many rows, terms that find them
	[ qw(last4         ssn       ssn       last4 1), '0077', '123-45-0077', '123450077', '999-99-0077' ],
	[ qw(domain        email     email     domain 20), 'host7.example.org', 'HOST7.example.ORG', 'anybody@Host7.example.org' ],
	[ qw(local         email     email     local 1), 'user77', 'USER77', 'user77@elsewhere.org' ],
	[ qw(year          dob       dob       year 17), '1977', '1977-12-31' ],
	[ qw(first3        postcode  postcode  first3 4), '077', '077 XY', '077-other' ],
	[ qw(initials      name      name      initials 3), 'zc', 'ZC', 'Zoe Castro', 'zoe  CASTRO', 'z c' ],
	[ qw(member_last4  member_no member_no last4 1), '0077', 'ab 0077', 'ZZZ-0077' ],
	[ qw(member_first3 member_no member_no first3 1000), 'ab0', 'AB0999' ])
{
	my ($index, $column, $class, $transform, $count, @terms) = @$case;
	foreach my $term (@terms)
	{
		my $query = "FROM parts
			WHERE pii_blind_index($column, '$transform') = ANY (pii_search_terms('$term', '$class', '$transform'))";
		$node->gives("SELECT count(*) $query", $count, "$class by $transform: $term");
		$node->gives("SET enable_indexscan = off; SET enable_bitmapscan = off; SELECT count(*) $query", $count,
			"$class by $transform: $term, without index");
	}
	my $plan = $node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN SELECT id FROM parts
		WHERE pii_blind_index($column, '$transform') = ANY (pii_search_terms('$terms[0]', '$class', '$transform'))");
	like($plan, qr/Scan (?:using|on) $index\b.*Index Cond/s, "$class by $transform: by index");
	my $other = $class eq 'email' ? ($transform eq 'domain' ? 'local' : 'domain') : 'exact';
	$node->gives("SELECT count(*) FROM parts
		WHERE pii_blind_index($column, '$transform') = ANY (pii_search_terms('$terms[0]', '$class', '$other'))", '0',
		"$class by $transform: terms of another transform find nothing");
}
foreach my $case ([qw(ssn last4)], [qw(email domain)], [qw(email local)], [qw(dob year)], [qw(postcode first3)],
	[qw(name initials)], [qw(member_no last4)], [qw(member_no first3)])
{
	$node->gives("SELECT pii_blind_index($case->[0], '$case->[1]') IS NULL FROM parts WHERE id = -1", 't',
		"$case->[0] without a part by $case->[1] is not indexed");
}
$node->gives(q{SELECT pii_search_terms('789', 'ssn', 'last4'), pii_search_terms('', 'ssn', 'last4'),
	pii_search_terms('80', 'dob', 'year'), pii_search_terms('ab', 'postcode', 'first3'), pii_search_terms('- .', 'name', 'initials'),
	pii_search_terms('', 'email', 'domain')}, '{}|{}|{}|{}|{}|{}', 'what is no part gives no term');
$node->gives(q{SELECT pii_blind_index(ssn, 'exact') = pii_blind_index(ssn) FROM people WHERE id = 1}, 't', 'exact is the default');
$node->gives(q{SELECT count(DISTINCT t)
	FROM unnest(ARRAY['exact', 'domain', 'local']) x, LATERAL pii_search_terms('a@a', 'email', x) t}, '3',
	'each transform is another index, even of one text');
$node->gives(q{SELECT count(DISTINCT t)
	FROM unnest(ARRAY['ssn', 'account', 'pan', 'iban', 'phone']) x, LATERAL pii_search_terms('6789', x, 'last4') t}, '5',
	'each class is another index, even of one text');

# What an index would show
foreach my $case (
	# class, transform, rows => results, coincidences, is_safe
	[ 'ssn',      'exact',    1_000_000,      '1000000000|0.001|f' ],
	[ 'ssn',      'last4',    1_000_000,      '10000|100.000|t' ],
	[ 'ssn',      'last4',    10_000,         '10000|1.000|f' ],
	[ 'ssn',      'last4',    10_000_000_000, '10000|1000000.000|f' ],
	[ 'dob',      'year',     1_000_000,      '100|10000.000|f' ],
	[ 'dob',      'exact',    1_000_000,      '36525|27.379|t' ],
	[ 'postcode', 'first3',   100_000,        '1000|100.000|t' ],
	[ 'name',     'initials', 100_000,        '676|147.929|t' ],
	[ 'email',    'domain',   1_000_000,      '||f' ],
	[ 'name',     'word',     1_000_000,      '||f' ],
	[ 'member_no', 'last4',   1_000_000,      '10000|100.000|t' ])
{
	my ($class, $transform, $number, $expected) = @$case;
	$node->gives("SELECT results, round(coincidences::numeric, 3), is_safe
		FROM pii_index_advice('$class', '$transform', $number)", $expected, "pii_index_advice: $class by $transform, $number rows");
}
my %advice = map { $_->[0] => $node->safe_psql('postgres', "SELECT advice FROM pii_index_advice('ssn', '$_->[1]', $_->[2])") }
  [ 'small', 'exact', 1000 ], [ 'good', 'last4', 1_000_000 ], [ 'big', 'last4', 10_000_000_000 ];
like($advice{small}, qr/^An index value stands for one result: who learns the value of one row knows it of all rows/,
	'advice: one result an index value');
like($advice{good},  qr/^Several values share an index value by chance\./, 'advice: several results an index value');
like($advice{big},   qr/^Very many rows share an index value/, 'advice: very many rows an index value');
$node->gives(q{SELECT name, transforms FROM pii_classes WHERE cardinality(transforms) <> 1 ORDER BY class_id},
	join("\n", 'name|{exact,initials,word}', 'email|{exact,domain,local}', (map { "$_|{exact,last4}" } qw(phone ssn pan iban account)),
		'address|{exact,word}', 'dob|{exact,year}', 'postcode|{exact,first3}', 'secret|{}', 'member_no|{exact,last4,first3}',
		'sealed_only|{}'),
	'pii_classes lists the transforms');

# ---------------------------------------------------------------------------------------------------------------------
# Words

# Person 5 has the accent as a character of its own.
$node->safe_psql('postgres', qq{
	CREATE TABLE named (id int, name pii_text(name), address pii_text(address));
	INSERT INTO named VALUES (1, 'Maria Lopez', '12 Main Street, Springfield'), (2, 'Anna Maria Schmidt', 'Main Road 12'),
		(3, 'Mariana Lopez', ''), (4, U&'Jos\\00e9 Garc\\00eda', NULL), (5, U&'Jose\\0301 Perez', NULL), (6, 'MARIA STRASSE', NULL),
		(7, '--', NULL), (8, '', NULL), (9, NULL, NULL), (10, 'O''Brien-Maria Maria', NULL);
	INSERT INTO named SELECT i, 'Some Body ' || i, 'Nowhere ' || i FROM generate_series(100, $rows) i;
	CREATE INDEX words ON named USING gin (pii_word_index(name));
	CREATE INDEX address_words ON named USING gin (pii_word_index(address)) WHERE address IS NOT NULL;
	ANALYZE named});
my $plan = $node->safe_psql('postgres',
	q{EXPLAIN SELECT id FROM named WHERE pii_word_index(name) @> pii_word_terms('maria', 'name')});
like($plan, qr/Bitmap Index Scan on words.*Index Cond: \(pii_word_index\(name\) @> pii_word_terms/s, 'EXPLAIN shows the GIN index');
$plan = $node->safe_psql('postgres',
	q{EXPLAIN SELECT id FROM named WHERE address IS NOT NULL AND pii_word_index(address) @> pii_word_terms('main', 'address')});
like($plan, qr/Bitmap Index Scan on address_words/, 'EXPLAIN shows a partial GIN index');
foreach my $case (
	[ 'name',    'maria',                 '1,2,6,10', 'a word' ],
	[ 'name',    'MARIA',                 '1,2,6,10', 'in other case' ],
	[ 'name',    '  Maria, ',             '1,2,6,10', 'with punctuation' ],
	[ 'name',    'maria lopez',           '1',        'several words' ],
	[ 'name',    'Lopez Maria',           '1',        'in other order' ],
	[ 'name',    'maria maria',           '1,2,6,10', 'a word twice' ],
	[ 'name',    'maria nobody',          undef,      'a word that is there and one that is not' ],
	[ 'name',    'mari',                  undef,      'a part of a word' ],
	[ 'name',    "Jos\x{e9}",             '4,5',      'NFC' ],
	[ 'name',    "jose\x{301}",           '4,5',      'NFD' ],
	[ 'name',    'Jose',                  undef,      'without its accent' ],
	[ 'name',    "stra\x{df}e",           '6',        'a letter that folds to two' ],
	[ 'name',    "o'brien",               '10',       'two words by an apostrophe' ],
	[ 'name',    'brien',                 '10',       'one of the two' ],
	[ 'address', 'main',                  '1,2',      'a word of an address' ],
	[ 'address', 'main 12',               '1,2',      'a word and a number' ],
	[ 'address', 'springfield',           '1',        'after a comma' ],
	[ 'address', 'maria',                 undef,      'a word of another column' ])
{
	my ($column, $words, $ids, $what) = @$case;
	(my $literal = $words) =~ s/'/''/g;
	$literal =~ s/([^\x00-\x7f])/sprintf '\\%04x', ord $1/ge;
	my $query = "SELECT string_agg(id::text, ',' ORDER BY id) FROM named
		WHERE pii_word_index($column) \@> pii_word_terms(U&'$literal', '$column')";
	$node->gives($query, $ids // '', "word search: $what");
	$node->gives("SET enable_bitmapscan = off; $query", $ids // '', "word search: $what, without index");
}
# As with any array, everything contains nothing: an application that lets people search for '' shows them all rows.
foreach my $nothing ('', '   ', '-- .,')
{
	my $query = "SELECT count(*) = (SELECT count(*) FROM named WHERE name IS NOT NULL) FROM named
		WHERE pii_word_index(name) \@> pii_word_terms('$nothing', 'name')";
	$node->gives($query, 't', "word search: no words ('$nothing') find every row");
	$node->gives("SET enable_seqscan = off; $query", 't', "word search: no words ('$nothing') find every row, by index");
}
$node->gives(q{SELECT count(*) FROM named WHERE pii_word_index(name) @> pii_word_terms(NULL, 'name')}, '0',
	'word search: NULL finds nothing');
$node->gives(q{SELECT string_agg(id::text, ',' ORDER BY id) FROM named WHERE pii_word_index(name) = '{}'}, '7,8',
	'what has no words has an empty index value');
$node->gives(q{SELECT pii_word_index(pii_seal('Maria maria MARIA', 'name')) = pii_word_index(pii_seal('maria', 'name')),
	pii_word_index(pii_seal('Maria Lopez', 'name')) = pii_word_index(pii_seal('lopez maria', 'name'))}, 't|t',
	'an index value tells neither the number nor the order of words');
$node->gives(q{SELECT pii_word_index(pii_seal('maria', 'name')) @> pii_word_terms('maria', 'address')}, 'f',
	'words of another class are others');
$node->gives(q{UPDATE named SET name = 'Petra Lopez' WHERE id = 1;
	SELECT string_agg(id::text, ',' ORDER BY id) FROM named WHERE pii_word_index(name) @> pii_word_terms('lopez', 'name');
	SELECT string_agg(id::text, ',' ORDER BY id) FROM named WHERE pii_word_index(name) @> pii_word_terms('maria', 'name')},
		"1,3\n2,6,10",
	'word search follows an UPDATE');

# ---------------------------------------------------------------------------------------------------------------------
# Hashing: hash indexes, hash joins with text, partitions by hash

$node->safe_psql('postgres', qq{
	CREATE TABLE hashed (id int, ssn pii_text(ssn), plain text);
	INSERT INTO hashed SELECT i, '123-45-' || to_char(i, 'FM0000'), to_char(i, 'FM123 45 0000') FROM generate_series(1, $rows) i;
	INSERT INTO hashed VALUES (0, NULL, NULL);
	CREATE INDEX by_hash ON hashed USING hash (ssn);
	ANALYZE hashed});
$plan = $node->safe_psql('postgres', q{EXPLAIN (COSTS off) SELECT id FROM hashed WHERE ssn = '123450077'});
like($plan, qr/Index Scan using by_hash on hashed\n\s+Index Cond: \(ssn = /, 'a hash index on the column itself is used');
$plan = $node->safe_psql('postgres', q{EXPLAIN (COSTS off) SELECT id FROM hashed WHERE ssn = '123450077'::text});
like($plan, qr/Index Scan using by_hash on hashed\n\s+Index Cond: \(ssn = /, 'a hash index is used for text, too');
foreach my $term (q{'123-45-0077'}, q{'123450077'}, q{'123 45 0077'::text}, q{'123-45-0077'::varchar})
{
	$node->gives("SELECT id FROM hashed WHERE ssn = $term", '77', "a hash index finds $term");
	$node->gives("SELECT id FROM hashed WHERE $term = ssn", '77', "a hash index finds $term, the other way round");
}
$node->gives(q{SELECT id FROM hashed WHERE ssn IN ('123-45-0077', '123450078') ORDER BY id}, "77\n78", 'IN beside a hash index');

my $join = 'SELECT count(*) FROM hashed a %s JOIN hashed b ON %s';
$plan = $node->safe_psql('postgres',
	'SET enable_indexscan = off; SET enable_bitmapscan = off; EXPLAIN (COSTS off) ' . sprintf($join, '', 'a.ssn = b.plain'));
like($plan, qr/Hash Join\n\s+Hash Cond: \(a\.ssn = b\.plain\)/, 'a join of a sealed column and a plain one hashes');
foreach my $case ([ '', 'a.ssn = b.plain', $rows ], [ '', 'a.plain = b.ssn', $rows ], [ '', 'a.ssn = b.ssn', $rows ],
	[ 'LEFT', 'a.plain = b.ssn', $rows + 1 ], [ 'FULL', 'a.ssn = b.plain', $rows + 2 ])
{
	my ($kind, $condition, $count) = @$case;
	$node->gives(sprintf($join, $kind, $condition), $count, "$kind join: $condition");
}
$node->gives('SELECT count(*) FROM hashed a WHERE NOT EXISTS (SELECT FROM hashed b WHERE a.plain = b.ssn)', '1',
	'anti join of text with a sealed column');
$node->gives('SELECT count(*) FROM hashed a WHERE plain IN (SELECT ssn FROM hashed)', $rows, 'IN of text and a sealed sub-select');
$node->gives('SELECT count(*) FROM hashed a WHERE ssn IN (SELECT plain FROM hashed)', $rows,
	'IN of a sealed column and a sub-select of text');
$node->gives('SELECT count(*) FROM hashed WHERE ssn NOT IN (SELECT plain FROM hashed WHERE id > 10)', '10',
	'NOT IN of a sealed column and text');
$node->gives('SELECT count(*) FROM hashed WHERE plain NOT IN (SELECT ssn FROM hashed WHERE id > 10)', '10',
	'NOT IN of text and a sealed column');
$node->gives('SELECT count(*) FROM hashed WHERE ssn = ANY (SELECT plain FROM hashed WHERE id > 10) OR id = 1', $rows - 9,
	'= ANY of a sub-select beside another condition');
$node->gives('SET enable_hashjoin = off; SET enable_indexscan = off; SET enable_bitmapscan = off;'
	  . sprintf($join, '', 'a.ssn = b.plain AND a.id BETWEEN 1 AND 30 AND b.id BETWEEN 21 AND 60'), '10',
		'the same rows by a nested loop');

# Two spellings in a list that is made unique first: equal by the class of the column they are looked for in, and not by
# that of their own.
$node->safe_psql('postgres', q{
	CREATE TABLE many (id int, email pii_text(email));
	INSERT INTO many SELECT i, 'User' || i || '@x.org' FROM generate_series(1, 2000) i;
	CREATE INDEX ON many (pii_blind_index(email));
	CREATE TABLE few (same_class pii_text(email), no_class pii_text(text), plain text);
	INSERT INTO few SELECT v, v, v FROM generate_series(1, 10) i,
		LATERAL (VALUES ('USER' || i || '@x.org'), ('user' || i || '@X.org')) l (v);
	ANALYZE many; ANALYZE few});
foreach my $column (qw(same_class no_class plain))
{
	$node->gives("SELECT count(*) FROM many WHERE email IN (SELECT $column FROM few)", '10', "IN of two spellings each: $column");
	$node->gives("SELECT count(*) FROM many WHERE EXISTS (SELECT FROM few WHERE few.$column = many.email)", '10',
		"EXISTS of two spellings each: $column");
	$node->gives("SELECT count(*) FROM many WHERE email NOT IN (SELECT $column FROM few)", '1990',
		"NOT IN of two spellings each: $column");
}

$node->safe_psql('postgres', q{
	CREATE TABLE parted (id int, ssn pii_text(ssn)) PARTITION BY HASH (ssn);
	CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 0);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 1);
	CREATE TABLE parted_2 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 2);
	INSERT INTO parted SELECT id, ssn FROM hashed; ANALYZE parted});
$node->gives('SELECT count(*), min(n) > 500 FROM (SELECT tableoid, count(*) AS n FROM parted GROUP BY 1) s', '3|t',
	'partitions by hash fill evenly');
foreach my $term (q{'123 45 0077'}, q{'123-45-0077'::text}, q{ANY (ARRAY['123 45 0077', 'none'])})
{
	$node->gives("SELECT id FROM parted WHERE ssn = $term", '77', "partitions by hash: found, $term");
	$node->gives("SET enable_partition_pruning = off; SELECT id FROM parted WHERE ssn = $term", '77',
		"partitions by hash: found without pruning, $term");
}
$plan = $node->safe_psql('postgres', q{EXPLAIN (COSTS off, ANALYZE, TIMING off) SELECT id FROM parted WHERE ssn = '123 45 0077'});
like($plan, qr/Subplans Removed: 2/, 'partitions by hash: the others are left out');
$node->gives(q{UPDATE parted SET ssn = '000-00-0001' WHERE ssn = '123450077'; SELECT id FROM parted WHERE ssn = '000000001'}, '77',
	'partitions by hash: an update moves the row');
$node->gives(q{SELECT count(*) FROM parted
	WHERE NOT satisfies_hash_partition('parted'::regclass, 3, substr(tableoid::regclass::text, 8)::int, ssn)}, '0',
	'partitions by hash: every row lies where it belongs');

$node->stop;
done_testing();
