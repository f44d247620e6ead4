# SearchGrammar makes queries with equality of sealed columns in them, in every place where SQL has room for one. It is
# seeded: the same seed gives the same queries everywhere.
#
# A template is SQL with
#   [[x // y]]           one of these
#   <x>                  a fragment that several templates have
#   {A} {B} {C}          a relation, to which the alias a, b or c belongs; {A:table}, {A:writable}, {A:simple} one of a sort,
#                        {A=customers} this one
#   {a} {b} {c}          a column of it, a.ssn; all are of one class. {a.name}: its name alone. {a2}: any column of it
#   {shared} {shared2}   names of columns that all relations have
#   {where:a}            a condition on columns of a; {atom:a}: one that is not made of others
#   {v} {text} {sealed}  a constant of the class; as an expression of type text; as one of the class
#   {new}                a constant of the class, the same one each time
#   {array} {empty} {list}   an array of constants; an array without any; a list of constants for IN
#   {look}               a sub-select that gives text of the class
# Statements of one query are separated by ;; and @n@ is what becomes of constant n.

package SearchGrammar;

use strict;
use warnings;

use SearchShape;
use TwinTables;

my @shared = qw(ssn email name phone note);
my %class_of = map { @$_ } sealed_columns('customers');
my %columns = (customers => [ @shared, 'alt', 'work' ]);
my %of_lookups = (alt => 'ssn', work => 'email');
my @views = qw(v_plain v_known v_join v_matched v_all v_barrier);
my %relations = (
	table    => [qw(customers orders events people members secured)],
	writable => [qw(customers orders events people members)],
	simple   => [qw(customers orders events)],
	guarded  => [qw(secured events)]);

# ---------------------------------------------------------------------------------------------------------------------
# Conditions. Here {x} is a column of another relation {X}, with an alias of its own, and {xw} a simple condition on it.

my @atoms = (
	('{a} = {v}') x 5,
	('{v} = {a}') x 2,
	('{a} = ANY ({array})') x 4,
	('{a} IN ({list})') x 4,
	'{a} <> {v}',
	'{v} <> {a}',
	'{a} NOT IN ({list})',
	'{a} <> ALL ({array})',
	'{a} <> ANY ({array})',
	'{a} = ALL ({array})',
	'{a} = ANY ({empty})',
	'{text} = ANY (ARRAY[{a}, {a}])',
	'{a} IS NULL',
	'{a} IS NOT NULL',
	'{a} IS NOT DISTINCT FROM {v}',
	'{a} IS DISTINCT FROM {v}',
	'({a} = {v}) IS NOT TRUE',
	'({a} = ANY ({array})) IS [[NOT TRUE // FALSE // UNKNOWN]]',
	'COALESCE({a}, {sealed}) = {v}',
	'COALESCE({a} = {v}, {alias}.tenant = 1)',
	'CASE WHEN {alias}.tenant = 1 THEN {a} = {v} ELSE {a} <> {v} END',
	'(CASE WHEN {alias}.tenant < 3 THEN {a} END) = {v}',
	'CASE {a} WHEN {v} THEN 1 WHEN {v} THEN 2 ELSE 0 END > 0',
	'NULLIF({a}, {v}) IS NULL',
	'({alias}.tenant, {a}) = (2, {v})',
	'({alias}.tenant, {a}) IN ((1, {v}), (2, {v}))',
	'({alias}.tenant = 1 AND {a} = {v})',
	'({alias}.id, {a}) IS NOT DISTINCT FROM ({alias}.id, {sealed})',
	q{{a} = concat('', {text})},
	q{{a} = substr('12' || {text}, 3)},
	'{a} = (SELECT {text})',
	'{a} IN (SELECT unnest({array}::text[]))',
	'ARRAY[{a}::#class#] = ARRAY[{sealed}]',
	'{a} = {look}',
);

my @subselects = (
	'{a} IN (SELECT {x} FROM {X} WHERE {xw})',
	'{a} NOT IN (SELECT {x} FROM {X} WHERE {xw})',
	'{a} NOT IN (SELECT {x} FROM {X} WHERE {xw} AND {x} IS NOT NULL)',
	'EXISTS (SELECT 1 FROM {X} WHERE {x} = {a} AND {xw})',
	'NOT EXISTS (SELECT 1 FROM {X} WHERE {x} = {a} AND {xw})',
	'{a} = ANY (ARRAY(SELECT {x} FROM {X} WHERE {xw}))',
	'{a} <> ALL (SELECT {x} FROM {X} WHERE {xw})',
	'{a} = (SELECT {x} FROM {X} WHERE {xw} ORDER BY {xalias}.id LIMIT 1)',
	'(SELECT count(*) FROM {X} WHERE {x} = {a} AND {xw}) = 1',
	'({alias}.tenant, {a}) IN (SELECT {xalias}.tenant, {x} FROM {X} WHERE {xw})',
);

my @compounds = (
	'({1} AND {2})', '({1} OR {2})', '({1} OR {2})', 'NOT ({1})', 'NOT ({1} OR {2})', '({1} AND NOT ({2}))', '({1} AND {alias}.tenant <> 4)');

# ---------------------------------------------------------------------------------------------------------------------
# Statements, by kind; a line with | begins another template of the kind. Changes are rolled back. Where rows are to come in
# order, ORDER BY a.… stands at the end.

my %fragments = (
	matched => '[[{a} = {b} // {b} = {a}]]',
	matched_more => '<matched> [[ // // AND a.tenant = b.tenant // AND a.id <> b.id // AND {atom:b}]]',
	known => q<[[l.{shared} // l.{shared} // l.{shared} || '' // l.{shared}::varchar // {fold}(l.{shared})]]>,
	is_known => '[[a.{shared} = <known> // <known> = a.{shared}]]',
	clerk => 'BEGIN; SET LOCAL ROLE pii_twin_clerk; SET LOCAL twin.ssn = {setting} ;;',
	changed => '[[SELECT id, tenant FROM {A} WHERE tenant > 90 // SELECT count(*), sum(id) FROM {A} WHERE tenant > 90]] ;; ROLLBACK',
	left => 'SELECT count(*), sum(id) FROM {A} ;; ROLLBACK',
	sought => '[[= {v:$1} // IN ({list:$1}) // = ANY ({array:$1})]]');

my $statements = <<'END';
select
	SELECT a.id FROM {A} a WHERE {where:a} [[ // ORDER BY a.id]]
limit
	SELECT a.id FROM {A} a WHERE {where:a} ORDER BY a.id
	[[LIMIT 1 // LIMIT 5 // DESC LIMIT 3 // LIMIT 4 OFFSET 2 // FETCH FIRST 2 ROWS ONLY]]
ordered
	SELECT a.id, a.tenant FROM {A=customers} a [[ // // JOIN orders o ON o.customer_id = a.id]]
	WHERE a. [[ssn <sought:ssn> // work <sought:work>]] [[ // AND a.id > 20 // AND a.tenant > 1]]
	ORDER BY [[a.id // a.tenant, a.id]] [[ // LIMIT 5 // LIMIT 3 OFFSET 1]]
partial
	SELECT a.id FROM {A:table} a WHERE a.tenant [[= 1 // <> 1 // = 2]] AND a.name <sought:name>
	| SELECT a.id FROM {A:table} a WHERE a.phone <sought:phone> [[ // AND a.tenant = 1]]
aggregate
	SELECT count(*), min(a.id), max(a.id), sum(a.id), count({a}) FROM {A} a WHERE {where:a}
filter
	SELECT a.tenant, count(*) FILTER (WHERE {where:a}) FROM {A} a GROUP BY a.tenant
window
	SELECT a.id, count(*) FILTER (WHERE {atom:a}) OVER (ORDER BY a.id) FROM {A} a WHERE a.id < 60
output
	SELECT a.id, {atom:a}, {atom:a} FROM {A} a WHERE a.id < 80
empty_array
	SELECT a.id, {a} = ANY ({empty}), {a} <> ALL ({empty}) FROM {A} a
	| SELECT a.id FROM {A} a WHERE NOT ({a} = ANY ({empty}))
	| SELECT a.id FROM {A} a WHERE ({a} = ANY ({array})) IS NULL
	| SELECT a.id FROM {A} a WHERE {a} = ANY ({array}) OR NOT ({a} = ANY ({empty}))
group
	SELECT min(a.id), count(*) FROM {A} a [[ // WHERE {where:a}]] GROUP BY [[{a} // a.tenant, {a} // {a}, {a2}]]
having
	SELECT min(a.id), max(a.id) FROM {A} a GROUP BY {a} HAVING [[count(*) > 1 // {a} = {v} // bool_or({atom:a})]]
grouping_sets
	SELECT min(a.id), count(*), grouping({a}) FROM {A} a GROUP BY GROUPING SETS (({a}), (a.tenant), ())
distinct
	SELECT count(*) FROM (SELECT DISTINCT [[{a} // a.tenant, {a} // {a}, {a2} AS other]] FROM {A} a WHERE {where:a}) d
inner_join
	SELECT a.id, b.id FROM {A} a JOIN {B} b ON <matched_more> WHERE {where:a}
	| SELECT a.id, count(*), sum(b.id) FROM {A} a JOIN {B} b ON <matched_more> GROUP BY a.id
left_join
	SELECT a.id, count(b.id), sum(b.id) FROM {A} a LEFT JOIN {B} b ON <matched_more>
	[[ // WHERE {where:a} // WHERE {where:b} // WHERE b.id IS NULL]] GROUP BY a.id
right_join
	SELECT b.id, count(a.id), sum(a.id) FROM {A} a RIGHT JOIN {B} b ON <matched_more>
	[[ // WHERE {where:a} // WHERE {where:b}]] GROUP BY b.id
full_join
	SELECT a.id, count(b.id), sum(b.id) FROM {A} a FULL JOIN {B} b ON <matched> [[ // // AND a.tenant = b.tenant]] GROUP BY a.id
using
	SELECT count(*), sum(a.id), sum(b.id) FROM {A} a [[ // LEFT // RIGHT // FULL]] JOIN {B} b
	USING ([[{shared} // tenant, {shared}]]) [[ // WHERE {atom:a} // WHERE {atom:b}]]
natural
	WITH x AS (SELECT id AS left_id, tenant, {shared} FROM {A} a), y AS (SELECT id AS right_id [[ // , tenant]], {shared} FROM {B} b)
	SELECT count(*), sum(left_id), sum(right_id) FROM x NATURAL [[ // LEFT // FULL]] JOIN y
three_way
	SELECT a.id, count(*), sum(b.id), sum(c.id) FROM {A} a JOIN {B} b ON <matched_more>
	[[JOIN // LEFT JOIN]] {C} c ON {b} = {c} WHERE a.tenant = 1 AND {where:a} GROUP BY a.id
self_join
	SELECT a.id, b.id FROM {A=customers} a JOIN {B=customers} b ON {a} = {b} AND a.id < b.id WHERE a.tenant = 1 [[ // AND {atom:b}]]
same_row
	SELECT a.id FROM {A=customers} a
	WHERE [[a.ssn // a.alt]] [[= // <> // IS DISTINCT FROM // IS NOT DISTINCT FROM]] [[a.alt // a.ssn]] [[ // OR {atom:a} // OR a.email = a.work]]
known_join
	SELECT a.id, l.id FROM {A} a JOIN lookups l ON <is_known> WHERE a.tenant < 3
	| SELECT a.id, count(l.id) FROM {A} a LEFT JOIN lookups l ON <is_known> WHERE {where:a} GROUP BY a.id
	| SELECT l.id, count(a.id) FROM lookups l LEFT JOIN {A} a ON <is_known> GROUP BY l.id
	| SELECT a.id, count(*), sum(l.id) FROM {A} a FULL JOIN lookups l ON <is_known> GROUP BY a.id
known_test
	SELECT l.id FROM lookups l WHERE [[NOT // ]] EXISTS (SELECT FROM {A} a WHERE <is_known>)
	| SELECT a.id FROM {A} a WHERE [[NOT // ]] EXISTS (SELECT FROM lookups l WHERE <is_known>)
	| SELECT a.id FROM {A} a WHERE a.{shared} IN (SELECT <known> FROM lookups l)
	| SELECT l.id FROM lookups l WHERE <known> [[NOT IN // IN]] (SELECT a.{shared} FROM {A} a WHERE a.{shared} IS NOT NULL)
	| SELECT a.id FROM {A} a WHERE a.{shared} NOT IN (SELECT <known> FROM lookups l WHERE l.{shared} IS NOT NULL AND l.id < 20)
values_join
	SELECT a.id, v.n FROM {A} a [[JOIN // RIGHT JOIN]]
	(VALUES [[(1, {text}), (2, {text}), (3, {text}) // (1, {sealed}), (2, {sealed}) // (1, {text})]]) v(n, x) ON [[{a} = v.x // v.x = {a}]]
unnest_join
	SELECT a.id, u.n FROM unnest({array}:: [[text[] // varchar[] // #class#[] ]]) WITH ORDINALITY u(x, n) JOIN {A} a ON {a} = u.x
semi_join
	SELECT a.id FROM {A} a WHERE EXISTS (SELECT FROM {B} b WHERE {b} = {a} AND [[{atom:b} // b.id <> a.id]])
	| SELECT a.id FROM {A} a WHERE {a} IN (SELECT {b} FROM {B} b WHERE {where:b})
	| SELECT a.id FROM {A} a WHERE {a} = SOME (SELECT {b} FROM {B} b WHERE b.tenant = a.tenant)
anti_join
	SELECT a.id FROM {A} a WHERE NOT EXISTS (SELECT FROM {B} b WHERE {b} = {a} AND b.id <> a.id)
	| SELECT a.id FROM {A} a LEFT JOIN {B} b ON {b} = {a} WHERE b.id IS NULL AND {atom:a}
	| SELECT a.id FROM {A} a WHERE {a} NOT IN (SELECT {b} FROM {B} b WHERE {b} IS NOT NULL AND {atom:b})
correlated
	SELECT a.id, (SELECT count(*) FROM {B} b WHERE {b} = {a}) FROM {A} a WHERE a.id < 90
	| SELECT a.id FROM {A} a WHERE a.id = (SELECT max(b.id) FROM {B} b WHERE {b} = {a})
	| SELECT a.id, EXISTS (SELECT FROM {B} b WHERE {b} = {a} AND {atom:b}) FROM {A} a WHERE a.tenant = 2
	| SELECT a.id, {a} IN (SELECT {b} FROM {B} b) FROM {A} a
lateral
	SELECT a.id, x.id FROM {A} a JOIN LATERAL (SELECT b.id FROM {B} b WHERE {b} = {a} ORDER BY b.id LIMIT 2) x ON true WHERE a.tenant < 3
	| SELECT a.id, x.id FROM {A} a LEFT JOIN LATERAL (SELECT max(b.id) AS id FROM {B} b WHERE {b} = {a}) x ON true WHERE a.tenant < 3
	| SELECT a.id, x.id FROM {A} a, LATERAL (SELECT b.id FROM {B} b WHERE {b} = {a} AND {atom:b}) x WHERE a.tenant < 3
cte
	WITH w AS [[ // MATERIALIZED // NOT MATERIALIZED]] (SELECT a.* FROM {A} a WHERE {atom:a})
	SELECT id FROM w WHERE {a.name} = [[{v} // {look} // ANY ({array})]]
recursive
	WITH RECURSIVE w AS (SELECT a.{shared}, a.{shared2} FROM {A:table} a WHERE {atom:a}
		UNION SELECT b.{shared}, b.{shared2} FROM w JOIN {B:table} b USING ({shared})) SELECT count(*) FROM w
set_operation
	SELECT count(*) FROM (SELECT {a}, 1 + 0 * a.tenant FROM {A} a WHERE {where:a}
		[[UNION // UNION ALL // INTERSECT // INTERSECT ALL // EXCEPT // EXCEPT ALL]] SELECT {b}, [[1 // b.tenant]] FROM {B} b WHERE {where:b}) x
	| SELECT count(*) FROM (SELECT {a} AS v FROM {A} a UNION [[ALL // ]] SELECT {b} FROM {B} b) x WHERE v = {v}
set_of_ids
	SELECT a.id FROM {A} a WHERE {where:a} [[UNION // INTERSECT // EXCEPT]] SELECT b.id FROM {B} b WHERE {where:b}
function
	SELECT f FROM [[find_inline({text:ssn}) // find_email({text:email}) // find_any({array:name}::text[])]] f [[ // ORDER BY f LIMIT 3 // WHERE f < 80]]
	| SELECT count_loop({array:ssn}::text[])
	| SELECT l.id, f FROM lookups l, find_inline(l.ssn) f WHERE l.id < 20
	| SELECT a.id FROM {A} a JOIN [[find_inline({text:ssn}) // find_email({text:email})]] f ON a.id = f WHERE {atom:a}
	| SELECT a.id, find_inline({text:ssn}) FROM {A} a WHERE {atom:a} AND a.id < 20
locking
	BEGIN ;; SELECT a.id FROM {A:table} a WHERE {where:a} [[FOR UPDATE // FOR SHARE OF a // FOR UPDATE SKIP LOCKED]] ;; ROLLBACK
cursor
	BEGIN ;; DECLARE k SCROLL CURSOR FOR SELECT a.id FROM {A} a WHERE {where:a} ORDER BY a.id
	;; FETCH ALL FROM k; FETCH BACKWARD 3 FROM k; MOVE FIRST FROM k; FETCH 2 FROM k ;; ROLLBACK
copied
	BEGIN ;; CREATE TEMP TABLE k ON COMMIT DROP AS SELECT a.id, {a} FROM {A} a WHERE {where:a} ;; SELECT id FROM k WHERE {a.name} = {v}
	;; SELECT a.id, k.id FROM {A} a JOIN k USING ({a.name}) WHERE a.tenant = 1 ;; ROLLBACK
update
	BEGIN ;; UPDATE {A:writable} a SET tenant = a.tenant + 100 WHERE {where:a} RETURNING a.id ;; <changed>
update_view
	BEGIN ;; UPDATE {A=v_plain} a SET tenant = a.tenant + 100 WHERE {where:a} RETURNING a.id ;; <changed>
update_value
	BEGIN ;; UPDATE {A:simple} a SET {a.name} = {new} WHERE {a} = {v} [[ // AND {atom:a}]] RETURNING a.id ;; SELECT id FROM {A} WHERE {a.name} = {new}
	;; SELECT count(*) FROM {A} WHERE {a.name} IN ({new}, {v}) ;; ROLLBACK
update_from
	BEGIN ;; UPDATE {A:writable} a SET tenant = a.tenant + 100 FROM {B} b WHERE {a} = {b} AND {atom:b} RETURNING a.id ;; <changed>
delete
	BEGIN ;; DELETE FROM {A:writable} a WHERE {where:a} RETURNING a.id ;; <left>
delete_using
	BEGIN ;; DELETE FROM {A:writable} a USING {B} b WHERE {a} = {b} AND {atom:b} RETURNING a.id ;; <left>
merge
	BEGIN ;; MERGE INTO {A:simple} a USING (SELECT {b} AS x, min(b.id) AS id FROM {B} b WHERE {where:b} GROUP BY {b}) s ON {a} = s.x
	WHEN MATCHED AND {a} = {v} THEN DELETE WHEN MATCHED THEN UPDATE SET tenant = a.tenant + 100
	WHEN NOT MATCHED THEN INSERT (id, tenant, {a.name}) VALUES (s.id + 5000, 99, s.x)
	;; SELECT id, tenant FROM {A} WHERE tenant > 90 ;; <left>
insert_select
	BEGIN ;; INSERT INTO {A:simple} (id, tenant, {a.name}) SELECT 5000 + b.id, tenant, {b} FROM {B} b WHERE {where:b} RETURNING id
	;; SELECT id FROM {A} WHERE {a.name} = {v} ;; <left>
insert_values
	BEGIN ;; INSERT INTO {A:simple} (id, tenant, {a.name}) VALUES (7001, 1, {new}), (7002, 4, {v}) RETURNING id
	;; SELECT a.id FROM {A} a WHERE {a} = {new} ;; SELECT a.id FROM {A} a WHERE {atom:a} ;; ROLLBACK
clerk_select
	<clerk> SELECT a.id FROM {A:guarded} a [[ // WHERE {atom:a} // JOIN {B=customers} b ON {a} = {b}]] ;; ROLLBACK
clerk_change
	<clerk> UPDATE {A:guarded} a SET phone = phone [[ // WHERE {atom:a}]] RETURNING a.id ;; ROLLBACK
	| <clerk> DELETE FROM {A:guarded} a [[ // WHERE {atom:a}]] RETURNING a.id ;; SELECT count(*) FROM {A} ;; ROLLBACK
END

# Kind => templates.
my %templates;
foreach my $part (split /^(?=\w)/m, $statements)
{
	my ($kind, $text) = $part =~ /\A(\w+)\n(.*)\z/s;
	$templates{$kind} = [ split /^\t\| /m, $text ];
}

# ---------------------------------------------------------------------------------------------------------------------
# Constants

sub _pick { return $_[ random_number(scalar @_) ]; }
sub _chance { my ($of) = @_; return random_number($of) == 0; }

sub _value_of
{
	my ($class) = @_;
	return "nowhere " . random_number(1000) if _chance(8);
	return _pick(value_pool($class));
}

sub _add
{
	my ($self, %constant) = @_;
	push @{ $self->{constants} }, \%constant;
	return '@' . $#{ $self->{constants} } . '@';
}

# A constant of a class. Uses: any, text, sealed.
sub _constant
{
	my ($self, $class, $use) = @_;
	my $parameter = $self->{way} ne 'literal' && !_chance(6);
	my $type =
	    $use eq 'text' ? _pick('text', 'varchar')
	  : $parameter     ? _pick('unknown', 'unknown', 'text', 'varchar')
	  :                  _pick('unknown', 'unknown', 'unknown', 'text', 'varchar', 'sealed');
	return $self->_add(class => $class, parameter => $parameter, type => $type, cast => $use eq 'sealed',
		values => [ _value_of($class), _value_of($class) ]);
}

# An array of constants, some of them NULL.
sub _array
{
	my ($self, $class, @sizes) = @_;
	my $parameter = $self->{way} ne 'literal' && !_chance(6);
	my $type = _pick('unknown', 'text[]', 'varchar[]', 'sealed[]', $parameter ? () : ('list', 'list text', 'list sealed'));
	my @lists = map { [ map { _chance(9) ? undef : _value_of($class) } 1 .. _pick(@sizes) ] } 1 .. 2;
	return $self->_add(class => $class, parameter => $parameter, type => $type, array => 1, values => \@lists);
}

sub _list
{
	my ($self, $class) = @_;
	my @list = map { $self->_constant($class, 'any') } 1 .. _pick(2, 2, 3, 4, 8, 20);
	splice @list, random_number(scalar @list), 0, 'NULL' if _chance(5);
	return join ', ', @list;
}

# ---------------------------------------------------------------------------------------------------------------------
# Templates

sub _relation
{
	my ($sort) = @_;
	return _pick(@{ $relations{$sort} }) if $sort ne '';
	return _chance(3) ? _pick(@views) : _pick(@{ $relations{table} });
}

# A column of a relation, of a class if one is given.
sub _column
{
	my ($relation, $class) = @_;
	return _pick(grep { !defined $class || $class_of{$_} eq $class } @{ $columns{$relation} // \@shared });
}

sub _chosen
{
	my ($template) = @_;
	1 while $template =~ s/<(\w+)(?::(\w+))?>/my $of = $2; $fragments{$1} =~ s{\$1}{$of}gr/ge;
	1 while $template =~ s{\[\[((?:(?!\[\[|\]\]).)*)\]\]}{' ' . _pick(split m{//}, $1, -1) . ' '}se;
	$template =~ s/\s+/ /g;
	$template =~ s/ (?=[,);])|(?<=[(.;]) |\A | \z//g;
	return $template;
}

# Puts in what stands for something in every template. `column` is whose class the constants have.
sub _filled
{
	my ($self, $template, $column, $special) = @_;
	my $put = sub {
		my ($word, $of) = @_;
		return $special->{$word} if exists $special->{$word};
		my $for = $of // $column;
		my $class = $class_of{$for} // $for;
		return $self->_constant($class, $word eq 'v' ? 'any' : $word) if $word =~ /\A(?:v|text|sealed)\z/;
		return $special->{new} = $self->_constant($class, 'any') if $word eq 'new';
		return $self->_array($class, 0, 1, 2, 3, 5, 12) if $word eq 'array';
		return $self->_array($class, 0) if $word eq 'empty';
		return $self->_list($class) if $word eq 'list';
		return sprintf '(SELECT l.%s FROM lookups l WHERE l.id = %d)', $of_lookups{$for} // $for, 1 + random_number(50) if $word eq 'look';
		return $self->_add(class => 'ssn', type => 'unknown', values => [ (_value_of('ssn')) x 2 ]) if $word eq 'setting';
		return $self->_condition($self->{relation}{$of}, $of) if $word eq 'where';
		return $self->_atom($self->{relation}{$of}, $of) if $word eq 'atom';
		die "no {$word} in: $template";
	};
	$template =~ s/\{(\w+(?:\.name)?)(?::(\w+))?\}/$put->($1, $2)/ge;
	$template =~ s/#class#/#$class_of{$column}#/g;
	return $template;
}

sub _atom
{
	my ($self, $relation, $alias, $simple) = @_;
	my $column = _column($relation);
	my %special = (a => "$alias.$column", alias => $alias);
	return $self->_filled(_chosen(_pick(@atoms)), $column, \%special) if $simple || !_chance(8);
	my $other = _relation('');
	my $other_alias = 's' . ++$self->{aliases};
	$special{X} = "$other $other_alias";
	$special{x} = "$other_alias." . _column($other, $class_of{$column});
	$special{xalias} = $other_alias;
	$special{xw} = _chance(2) ? $self->_atom($other, $other_alias, 1) : "$other_alias.tenant = " . (1 + random_number(4));
	return $self->_filled(_pick(@subselects), $column, \%special);
}

sub _condition
{
	my ($self, $relation, $alias, $depth) = @_;
	$depth //= _pick(0, 0, 1, 1, 2);
	return $self->_atom($relation, $alias) if $depth == 0;
	my $compound = _pick(@compounds);
	$compound =~ s/\{alias\}/$alias/g;
	$compound =~ s/\{[12]\}/$self->_condition($relation, $alias, $depth - 1)/ge;
	return $compound;
}

# The statements of one kind.
sub _statements
{
	my ($self, $kind) = @_;
	my $template = _chosen(_pick(@{ $templates{$kind} }));
	my %special = map { $_ => undef } qw(shared shared2);
	@special{qw(shared shared2)} = (_pick(@shared), _pick(@shared));
	$special{shared2} = $special{shared} eq 'note' ? 'ssn' : 'note' if $special{shared2} eq $special{shared};
	$special{fold} = $special{shared} =~ /email|name/ ? 'lower' : 'btrim';
	my $column;
	foreach my $letter (qw(A B C))
	{
		next unless $template =~ s/\{$letter(?:=(\w+)|:(\w+))?\}/{$letter}/;
		my $relation = $1 // _relation($2 // '');
		my $alias = lc $letter;
		my $name = _column($relation, $column ? $class_of{$column} : undef);
		$column //= $name;
		$self->{relation}{$alias} = $relation;
		@special{ $letter, $alias, "$alias.name", "${alias}2" } = ($relation, "$alias.$name", $name, "$alias." . _column($relation));
	}
	return split /;;/, $self->_filled($template, $column // 'ssn', \%special);
}

# ---------------------------------------------------------------------------------------------------------------------
# Shapes

# At least `count` shapes that differ in more than their constants and numbers, about as many of each kind.
sub shapes
{
	my ($seed, $count) = @_;
	seed_random($seed);
	my (@shapes, %seen);
	for (my $round = 0; @shapes < $count; ++$round)
	{
		die 'the grammar has not so many shapes' if $round > $count;
		foreach my $kind (sort keys %templates)
		{
			my $way = $kind =~ /cursor|copied/ ? 'literal' : _pick('literal', 'literal', 'prepare', 'wire');
			my $self = bless { way => $way, constants => [], aliases => 0, relation => {} }, __PACKAGE__;
			my @statements = $self->_statements($kind);
			next if $seen{ _key(@statements) }++;
			push @shapes, SearchShape->new(
				number => scalar @shapes, kind => $kind, way => $way, statements => \@statements, constants => $self->{constants});
		}
	}
	return @shapes;
}

sub _key
{
	my $key = join '; ', @_;
	$key =~ s/\@\d+\@/?/g;
	$key =~ s/\?(?:, (?:\?|NULL))+/?+/g;
	$key =~ s/\b\d+\b/n/g;
	return $key;
}

1;
