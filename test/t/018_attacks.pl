# Who may see masks alone learns no more than masks: the attacks of Attacks.pm and Oracles.pm, one by one. Each is made by roles
# that may not (as they are; without even MASK; with privileges on another class and on all tables; in parallel workers), and must
# give nothing of a value, or the same answer to a right guess as to a wrong one. And each is made by a role that may, which
# must learn: so no attack fails for another reason than it should.
#
# Environment: PII_ATTACK, a regular expression, picks attacks by name; PII_ATTACK_SHOW shows what they gave.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Attacks;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256_hex);
use MIME::Base64 qw(encode_base64);
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

# Person 1: the value; another one of the same form and mask, for a wrong guess; what is left of the value in a mask, which
# only a role without MASK must not see.
my %person = (
	ssn   => [ '527-81-6789',                  '527-82-6789',                  '-6789' ],
	name  => [ 'Wilhelmina Quackenbush',       'Wilhelmine Quackenbosh',       'W**' ],
	email => [ 'kwyjibo.flux@zymurgy.example', 'kwyjibo.flax@zymurgy.example', 'k***@' ],
	note  => [ 'zugzwang at noon',             'zugzwang at nine',             undef ],
	dob   => [ '1953-07-19',                   '1953-07-18',                   '1953-' ]);
my @of_masks = map { $_->[2] // () } values %person;
# Long enough not to be in a keyed hash or sealed text by chance.
my @parts = ('527-81', '527816789', '527,81', 'ilhelmina', 'uackenbush', 'wyjibo', 'ymurgy', 'zugzwang', '53-07-19', '07-19-1953');
my %forms = map { forms($_) } @parts, map { $_->[0] } values %person;

my $node = PiiCluster->new('main');
$node->init(conf => "autovacuum = off\nmax_prepared_transactions = 0\nlog_min_messages = fatal\n");
$node->start;
my %extensions = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT name FROM pg_available_extensions');
my @wanted = qw(hstore citext pgcrypto tablefunc pg_trgm fuzzystrmatch dblink postgres_fdw pageinspect);
set_up();

my $script = $node->basedir . '/attack.sql';
my @attacks = grep { !defined $ENV{PII_ATTACK} || $_->{name} =~ /$ENV{PII_ATTACK}/ } attacks();
$_->{guesses} = [ $_->{sql} =~ /\{(?:ssn|name|email|note|dob)\}/ ? (0, 1) : (0) ] foreach @attacks;
my @ways = (
	{ name => 'masked',              reads => 'masked',   writes => 'writer' },
	{ name => 'without MASK',        reads => 'blind',    writes => 'blind_writer', hidden => \@of_masks },
	{ name => 'with privileges on another class', reads => 'other', writes => 'other_writer', may_text => 1 },
	{ name => 'in parallel workers', reads => 'masked',   options => '-c force_parallel_mode=on -c parallel_setup_cost=0' },
	{ name => 'who may',             reads => 'almighty', writes => 'almighty', proof => 1 });
make($_) foreach @ways;
foreach my $attack (@attacks)
{
	SKIP:
	{
		skip "there is no $attack->{needs}", 1 if is_missing($attack);
		subtest $attack->{name} => sub { judge($attack, $_) foreach grep { defined role_of($attack, $_) } @ways };
	}
}
foreach my $attack (protocol_attacks())
{
	subtest "protocol: $attack->{name}" => sub { try_protocol($attack) };
}
subtest 'time that = takes' => \&time_equality;
$node->stop;
done_testing();

# ---------------------------------------------------------------------------------------------------------------------
# The scene

sub set_up
{
	my %value = map { $_ => $person{$_}[0] } keys %person;
	my $extensions = join '', map { "CREATE EXTENSION $_;" } grep { $extensions{$_} } @wanted;
	my @tryers = qw(masked writer blind blind_writer other other_writer almighty);
	my $tryers = join ', ', @tryers;
	$node->safe_psql('postgres', "CREATE EXTENSION pii; $extensions
		CREATE ROLE keeper LOGIN; CREATE ROLE pooler LOGIN NOINHERIT;
		" . join('', map { "CREATE ROLE $_ LOGIN; CREATE SCHEMA $_ AUTHORIZATION $_; GRANT $_ TO pooler;" } @tryers) . "
		GRANT keeper TO pooler;
		CREATE SCHEMA app AUTHORIZATION keeper;
		GRANT USAGE ON SCHEMA app TO PUBLIC;
		ALTER DATABASE postgres SET search_path = \"\$user\", app, public;
		SELECT pii_grant('keeper', '*', 'ALL'), pii_grant('almighty', '*', 'ALL'), pii_revoke('public', '*', 'MASK'),
			pii_grant('masked', '*', 'MASK'), pii_grant('writer', '*', 'MASK'),
			pii_grant('other', 'postcode', 'ALL'), pii_grant('other_writer', 'phone', 'ALL');
		GRANT pg_read_all_data, pg_write_all_data TO other, other_writer");
	$node->safe_psql('postgres', qq{
		CREATE TABLE people (id int PRIMARY KEY, name pii_text(name), ssn pii_text(ssn), email pii_text(email), note pii_text,
			dob pii_text(dob), email_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED UNIQUE);
		CREATE INDEX ON people (pii_blind_index(ssn));
		CREATE INDEX ON people (pii_blind_index(ssn, 'last4'));
		CREATE INDEX ON people USING gin (pii_word_index(name));
		INSERT INTO people VALUES (1, '$value{name}', '$value{ssn}', '$value{email}', '$value{note}', '$value{dob}'),
			(2, 'Ann Smith', '111-11-1111', 'ann\@x.org', 'a note', '1970-01-01'), (3, 'Bob Jones', '222-22-2222', 'bob\@x.org', NULL, NULL);
		CREATE TABLE bare (id int PRIMARY KEY, ssn pii_text(ssn), email pii_text(email), note pii_text DEFAULT '$value{note}');
		INSERT INTO bare SELECT id, ssn, email FROM people;
		CREATE TABLE partial AS SELECT id, ssn FROM bare;
		CREATE INDEX ON partial (pii_blind_index(ssn)) WHERE id > 1000;
		CREATE TABLE wrapped AS SELECT id, ssn FROM bare;
		CREATE INDEX ON wrapped (id) WHERE pii_blind_index(ssn) > '00010000000000000000000000000000';
		CREATE TABLE parts (id int, ssn pii_text(ssn)) PARTITION BY HASH (ssn);
		CREATE TABLE parts0 PARTITION OF parts FOR VALUES WITH (MODULUS 16, REMAINDER 0);
		} . join('', map { "CREATE TABLE parts$_ PARTITION OF parts FOR VALUES WITH (MODULUS 16, REMAINDER $_);" } 1 .. 15) . qq{
		INSERT INTO parts SELECT id, ssn FROM people;
		CREATE TABLE visits (id int, email pii_text(email),
			email_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED REFERENCES people (email_key));
		CREATE TABLE guarded AS SELECT id, ssn, name FROM people;
		ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
		CREATE POLICY by_setting ON guarded USING (ssn = current_setting('app.ssn', true));
		CREATE VIEW people_view AS SELECT *, ssn::text AS ssn_text, row_to_json(p) FROM people p;
		CREATE VIEW people_revealed AS SELECT pii_reveal(ssn) FROM people;
		CREATE VIEW people_barrier WITH (security_barrier) AS SELECT * FROM people WHERE id > 0;
		CREATE VIEW people_literal AS SELECT id FROM people WHERE note <> '$value{note}'::pii_text;
		CREATE VIEW people_pairs AS SELECT a.id FROM people a JOIN bare b ON a.ssn = b.ssn;
		CREATE MATERIALIZED VIEW people_kept AS SELECT id, ssn, email, note FROM people;
		GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;
		GRANT ALL ON ALL TABLES IN SCHEMA app TO writer, blind_writer, other_writer, almighty;
		ANALYZE people; ANALYZE bare; ANALYZE partial; ANALYZE parts}, extra_params => [ '-U', 'keeper' ]);
	return;
}

# ---------------------------------------------------------------------------------------------------------------------
# Trying

# The role that makes an attack in one of the ways; undef when it is not tried so.
sub role_of
{
	my ($attack, $way) = @_;
	return scalar getpwuid($<) if $way->{proof} && ($attack->{proof} // '') eq 'superuser';
	return $way->{reads} unless defined $attack->{as};
	return $way->{writes};
}

sub is_missing { my ($attack) = @_; return defined $attack->{needs} && !$extensions{ $attack->{needs} }; }

# Makes all attacks in one way; the answers go to $attack->{answers}{NAME OF THE WAY}. Those of one user share a session.
sub make
{
	my ($way) = @_;
	my (%batches, @alone);
	foreach my $attack (@attacks)
	{
		my $role = role_of($attack, $way);
		next if !defined $role || is_missing($attack);
		next if defined $way->{options} && !may_be_parallel($attack);
		next if $way->{may_text} && ($attack->{text} || $attack->{sql} =~ /\bnote\b|_literal/);
		my $user = ($attack->{as} // '') eq 'pooler' ? 'pooler' : $role;
		my $jobs = $batches{$user} //= [];
		if ($attack->{open}) { push @alone, $jobs = [$user]; }
		push @$jobs, map { [ $attack, $role, $_ ] } @{ $attack->{guesses} };
	}
	run_session($way, $_, @{ $batches{$_} }) foreach sort keys %batches;
	run_session($way, @$_) foreach @alone;
	return;
}

sub may_be_parallel
{
	my ($attack) = @_;
	return !defined $attack->{as} && !$attack->{open} && $attack->{sql} =~ /\A(?:SELECT|SET|WITH|EXPLAIN|PREPARE)/
	  && $attack->{sql} !~ /\bCREATE\b/ && $attack->{name} !~ /^equality/;
}

# psql goes on after errors, each of which undoes its own statement alone.
sub run_session
{
	my ($way, $user, @jobs) = @_;
	my $sql = '';
	foreach my $at (0 .. $#jobs)
	{
		my ($attack, $role, $which) = @{ $jobs[$at] };
		my $statements = text_of($attack, $role, $which);
		$sql .= qq{\\echo '\\n=== $at'\n\\warn '\\n=== $at'\n};
		$statements .= ";\n" unless $statements =~ /\n\z/;
		$sql .= $attack->{open} ? $statements : "BEGIN;\n${statements}ROLLBACK;\nDISCARD ALL;\n";
	}
	local $ENV{PGOPTIONS} = $way->{options} // '';
	my ($out, $err) = ('', '');
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0,
		extra_params => [ '-U', $user, '-v', 'VERBOSITY=verbose', '-v', 'ON_ERROR_ROLLBACK=on' ]);
	my (%out, %err);
	%out = split_answers($out);
	%err = split_answers($err);
	foreach my $at (0 .. $#jobs)
	{
		my ($attack, undef, $which) = @{ $jobs[$at] };
		my $answer = defined $out{$at} && defined $err{$at} ? "$out{$at}\n$err{$at}" : undef;
		push @{ $attack->{answers}{ $way->{name} } }, without_guesses($answer, $attack, $which);
	}
	return;
}

sub text_of
{
	my ($attack, $role, $which) = @_;
	my $sql = $attack->{sql};
	$sql =~ s/\{(ssn|name|email|note|dob)\}/$person{$1}[$which]/g;
	$sql =~ s/\{me\}/$role/g;
	$sql =~ s/\{file\}/$script/g;
	return $sql;
}

sub split_answers
{
	my ($output) = @_;
	my (undef, @answers) = split /^=== (\d+)$/m, $output, -1;
	return @answers;
}

# The two guesses must not be what tells two answers apart.
sub without_guesses
{
	my ($answer, $attack, $which) = @_;
	return undef unless defined $answer;
	my @guesses = map { quotemeta $person{$_}[$which] } $attack->{sql} =~ /\{(ssn|name|email|note|dob)\}/g;
	my $any = join '|', @guesses;
	$answer =~ s/$any/<guess>/g if @guesses;
	$answer =~ s/^psql:[^:]*:\d+: //mg;
	$answer =~ s/\s*\n/\n/g;
	$answer =~ s/\s+\z//;
	return $answer;
}

# ---------------------------------------------------------------------------------------------------------------------
# Trying, by the protocol and by the clock

sub try_protocol
{
	my ($attack) = @_;
	my %type;
	my $sealed = $node->safe_psql('postgres', 'SELECT pii_sealed(ssn) FROM app.people WHERE id = 1');
	$type{$_} = $node->safe_psql('postgres', "SELECT '$_'::regtype::oid") foreach qw(pii_text text varchar);
	my @guesses = $attack->{value} =~ /\A\{(?:ssn|email)\}\z/ ? (0, 1) : (0);
	foreach my $role (defined $attack->{as} ? qw(writer blind_writer almighty) : qw(masked blind almighty))
	{
		foreach my $form (qw(execute execute_binary))
		{
			my @answers;
			foreach my $which (@guesses)
			{
				(my $value = $attack->{value}) =~ s/\{(ssn|email)\}/$person{$1}[$which]/;
				$value =~ s/\{sealed\}/$sealed/;
				my $session = WireSession->connected($node, user => $role);
				$session->run('BEGIN');
				my ($rows, $error) = $session->$form($attack->{sql}, [ $type{ $attack->{type} } // 0 ], [$value]);
				push @answers, join "\n", @$rows, $error // '';
				$session->quit;
			}
			my $way = { hidden => $role =~ /^blind/ ? \@of_masks : [] };
			my $learnt = learns($attack, $way, @answers);
			my $ok = $role eq 'almighty' ? isnt($learnt, '', "$role, $form: learns") : is($learnt, '', "$role, $form: learns nothing");
			diag(join "\n---\n", @answers) unless $ok;
		}
	}
	return;
}

# A refused comparison is refused before it looks at the value. Clocks of a busy machine prove nothing, so the times are only
# told: of 10,000 tries of either guess in turn, by hundreds. That all are refused alike is asked.
sub time_equality
{
	$node->safe_psql('postgres', q{CREATE ROLE searcher LOGIN; SELECT pii_grant('searcher', 'ssn', 'SEARCH')});
	foreach my $case ([ masked => '{10000,10000}' ], [ searcher => '{0,0}' ])
	{
		my ($role, $expected) = @$case;
		my $err = '';
		$node->psql('postgres', qq{DO \$\$ DECLARE
			guesses text[] := '{$person{ssn}[0],$person{ssn}[1]}'; refused int[] := '{0,0}'; start timestamptz; took float8[] := '{}'; v text;
		BEGIN
			FOR hundred IN 1 .. 200 LOOP
				v := guesses[1 + hundred % 2];
				start := clock_timestamp();
				FOR try IN 1 .. 100 LOOP
					BEGIN PERFORM ssn = v FROM people WHERE id = 1;
					EXCEPTION WHEN insufficient_privilege THEN refused[1 + hundred % 2] := refused[1 + hundred % 2] + 1; END;
				END LOOP;
				took := took || extract(epoch FROM clock_timestamp() - start)::float8;
			END LOOP;
			RAISE NOTICE 'refused % times %', refused, (SELECT array_agg(m ORDER BY side) FROM (SELECT i % 2 AS side,
				round((1e4 * percentile_cont(0.5) WITHIN GROUP (ORDER BY t))::numeric, 2) AS m
				FROM unnest(took) WITH ORDINALITY AS u(t, i) GROUP BY 1) s);
		END \$\$}, extra_params => [ '-U', $role ], stderr => \$err);
		my ($refused, $times) = $err =~ /NOTICE:  refused (\S+) times (\S+)/ or diag($err);
		is($refused, $expected, "$role: right and wrong guesses are refused alike");
		note("$role: medians of the time of a right and a wrong guess, in us: $times");
	}
	return;
}

# ---------------------------------------------------------------------------------------------------------------------
# Judging

sub judge
{
	my ($attack, $way) = @_;
	my @answers = @{ $attack->{answers}{ $way->{name} } // return };
	return fail("$way->{name}: the session went on") if grep { !defined } @answers;
	my $learnt = learns($attack, $way, @answers);
	my $should_learn = $way->{proof} && !defined $attack->{dud};
	my $ok =
	    $should_learn    ? isnt($learnt, '', "$way->{name}: learns")
	  : $way->{proof}    ? is($learnt, '', "nobody learns: $attack->{dud}")
	  :                    is($learnt, '', "$way->{name}: learns nothing");
	my $shown = join "\n---\n", "$attack->{name}, $way->{name}", @answers;
	diag($shown) unless $ok;
	note($shown) if $ok && $ENV{PII_ATTACK_SHOW};
	return;
}

# What was learnt, '' for nothing: the answers differ, or hold something of a value.
sub learns
{
	my ($attack, $way, @answers) = @_;
	return 'the right guess' if @answers == 2 && $answers[0] ne $answers[1];
	return $& if defined $attack->{shows} && $answers[-1] =~ $attack->{shows};
	return part_of_value($answers[-1], $way);
}

sub part_of_value
{
	my ($answer, $way) = @_;
	(my $squeezed = $answer) =~ s/[\s,|(){}"'\\+-]+//g;
	my %forms = (%forms, map { $_ => $_ } @{ $way->{hidden} // [] });
	delete @forms{ grep { $forms{$_} =~ /^zugzwang/ } keys %forms } if $way->{may_text};
	foreach my $form (sort keys %forms)
	{
		return "$form of $forms{$form}" if index(lc $answer, lc $form) >= 0 || length $form >= 8 && index(lc $squeezed, lc $form) >= 0;
	}
	return '';
}

# How a value could be written: form => value.
sub forms
{
	my ($value) = @_;
	my @codes = map { ord } split //, $value;
	return map { $_ => $value } grep { length } ($value, scalar reverse($value), unpack('H*', $value), join('', @codes) x (@codes > 7),
		join(' ', @codes), substr(encode_base64($value, ''), 0, 4 * int(length($value) / 3)),
		md5_hex($value), sha256_hex($value));
}
