# WireSession is a session of PostgreSQL's protocol, version 3, for what psql 15 has no words for: parameters by Parse and
# Bind, with a type or of unknown type, in text or binary format; statements that run while the test goes on; and notices. It
# is also fast enough for thousands of small statements.

package WireSession;

use strict;
use warnings;

use Encode qw(decode_utf8 encode_utf8);
use IO::Socket::INET qw();
use IO::Socket::UNIX qw();
use Socket qw(SOCK_STREAM);

use constant {
	UNKNOWN       => 0,
	TEXT          => 25,
	VARCHAR       => 1043,
	TEXT_ARRAY    => 1009,
	VARCHAR_ARRAY => 1015,
};

# Connects to a PostgreSQL::Test::Cluster without a password, as its superuser unless the parameter `user` says else. Other
# parameters: dbname; options, as in PGOPTIONS; application_name.
sub connected
{
	my ($class, $node, %params) = @_;
	my ($host, $port) = ($node->host, $node->port);
	my $socket =
	    $host =~ m{\A/}
	  ? IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => "$host/.s.PGSQL.$port")
	  : IO::Socket::INET->new(PeerHost => $host, PeerPort => $port, Proto => 'tcp');
	die "cannot connect to $host, $port: $!" unless $socket;
	my $self = bless { socket => $socket, unread => '', read_to => 0, notices => [], copy_data => '' }, $class;
	my $startup = pack('N', 196608)
	  . join("\0",
		user             => encode_utf8($params{user} // scalar getpwuid($<)),
		database         => $params{dbname} // 'postgres',
		client_encoding  => 'UTF8',
		options          => $params{options} // '',
		application_name => encode_utf8($params{application_name} // ''),
		'', '');
	$self->_write(pack('N', 4 + length $startup) . $startup);
	my (undef, $error) = $self->_answer;
	die "cannot start a session: $error" if defined $error;
	return $self;
}

# Runs one or more statements: (the rows of all of them, error or undef). A row is its fields with | between; NULL is ~.
sub query
{
	my ($self, $sql) = @_;
	$self->begin($sql);
	return $self->finish;
}

# The same in two steps: sends statements, and later reads what came of them.
sub begin
{
	my ($self, $sql) = @_;
	$self->_write(_message('Q', encode_utf8($sql) . "\0"));
	return;
}

sub finish
{
	my ($self) = @_;
	return $self->_answer;
}

# The same, but an error ends the test. Gives the rows as a list.
sub run
{
	my ($self, $sql) = @_;
	my ($rows, $error) = $self->query($sql);
	die "$error\nin: $sql" if defined $error;
	return @$rows;
}

# Runs COPY FROM STDIN with `$data`, text or bytes; with `$failure`, what the program says of its own failure then.
sub copy_in
{
	my ($self, $sql, $data, $failure) = @_;
	utf8::encode($data) if utf8::is_utf8($data);
	$self->{copy_data} = $data;
	$self->{copy_failure} = $failure;
	return $self->query($sql);
}

# The lines of COPY TO STDOUT that came so far.
sub copied
{
	my ($self) = @_;
	return @{ $self->{copied} // [] };
}

# The messages below ERROR that came so far: references to hashes of their fields, as the protocol names them.
sub notices
{
	my ($self) = @_;
	return @{ $self->{notices} };
}

# All fields of the last error.
sub error_fields
{
	my ($self) = @_;
	return $self->{error_fields};
}

sub pid
{
	my ($self) = @_;
	return $self->{pid};
}

# Parses one statement, whose parameters have the types @$types, and runs it with each list of values, undef for NULL.
sub execute
{
	my ($self, $sql, $types, @value_lists) = @_;
	return $self->_execute(0, $sql, $types, @value_lists);
}

# The same with parameters and results in binary form, which for strings are the same bytes.
sub execute_binary
{
	my ($self, $sql, $types, @value_lists) = @_;
	return $self->_execute(1, $sql, $types, @value_lists);
}

# Parses and binds one statement, and fetches its rows `$limit` at a time, `$times` times.
sub execute_in_pieces
{
	my ($self, $sql, $types, $values, $limit, $times) = @_;
	my $fetch = _message('E', "\0" . pack('N', $limit));
	$self->_write(_parse($sql, $types) . _bind(0, $values) . $fetch x $times . _message('S', ''));
	return $self->_answer;
}

# The same in two steps, for a statement that is run again and again.
sub prepare
{
	my ($self, $name, $sql, $types) = @_;
	$self->_write(_parse($sql, $types, $name) . _message('S', ''));
	return $self->_answer;
}

sub execute_prepared
{
	my ($self, $name, $values) = @_;
	$self->_write(_bind(0, $values, $name) . _message('E', "\0" . pack('N', 0)) . _message('S', ''));
	return $self->_answer;
}

sub _execute
{
	my ($self, $format, $sql, $types, @value_lists) = @_;
	my $messages = _parse($sql, $types);
	$messages .= _bind($format, $_) . _message('E', "\0" . pack('N', 0)) foreach @value_lists;
	$self->_write($messages . _message('S', ''));
	return $self->_answer;
}

sub _parse
{
	my ($sql, $types, $name) = @_;
	return _message('P', ($name // '') . "\0" . encode_utf8($sql) . "\0" . pack('n/N*', @$types));
}

sub _bind
{
	my ($format, $values, $name) = @_;
	my @sent = map { defined $_ ? pack('N/a*', encode_utf8($_)) : pack('N', 0xFFFFFFFF) } @$values;
	return _message('B', "\0" . ($name // '') . "\0" . pack('nn', 1, $format) . pack('n', scalar @sent) . join('', @sent) . pack('nn', 1, $format));
}

sub _message
{
	my ($type, $body) = @_;
	return $type . pack('N', 4 + length $body) . $body;
}

sub _write
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $written = syswrite $self->{socket}, $bytes;
		die "the server has closed the connection: $!" unless $written;
		substr($bytes, 0, $written, '');
	}
	return;
}

# Reads until the server is ready for the next query.
sub _answer
{
	my ($self) = @_;
	my (@rows, $error);
	while (1)
	{
		my ($type, $body) = $self->_read_message;
		if ($type eq 'D')
		{
			my ($count, $rest) = unpack 'n a*', $body;
			my (@fields, $at);
			$at = 0;
			for (1 .. $count)
			{
				my $size = unpack 'N', substr($rest, $at, 4);
				$at += 4;
				if ($size == 0xFFFFFFFF) { push @fields, '~'; next; }
				push @fields, decode_utf8(substr($rest, $at, $size));
				$at += $size;
			}
			push @rows, join '|', @fields;
		}
		elsif ($type eq 'E')
		{
			my %field = _fields($body);
			$self->{error_fields} = \%field;
			$error //= "$field{C}: $field{M}" . (defined $field{D} ? " ($field{D})" : '');
			die "$error\n" if $field{S} eq 'FATAL' || $field{S} eq 'PANIC';
		}
		elsif ($type eq 'N')
		{
			push @{ $self->{notices} }, { _fields($body) };
		}
		elsif ($type eq 'K')
		{
			$self->{pid} = unpack 'N', $body;
		}
		elsif ($type eq 'G')
		{
			my $failure = $self->{copy_failure};
			$self->_write(_message('d', $self->{copy_data}) . (defined $failure ? _message('f', encode_utf8($failure) . "\0") : _message('c', '')));
		}
		elsif ($type eq 'd')
		{
			push @{ $self->{copied} }, decode_utf8($body);
		}
		elsif ($type eq 'R')
		{
			die "the server wants a password\n" if unpack('N', $body) != 0;
		}
		elsif ($type eq 'Z')
		{
			return (\@rows, $error);
		}
	}
}

sub _fields
{
	my ($body) = @_;
	return map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, decode_utf8($body);
}

sub _read_message
{
	my ($self) = @_;
	$self->_fill(5);
	my ($type, $size) = unpack 'a N', substr($self->{unread}, $self->{read_to}, 5);
	$self->_fill($size + 1);
	my $body = substr($self->{unread}, $self->{read_to} + 5, $size - 4);
	$self->{read_to} += $size + 1;
	return ($type, $body);
}

sub _fill
{
	my ($self, $size) = @_;
	while (length($self->{unread}) - $self->{read_to} < $size)
	{
		substr($self->{unread}, 0, $self->{read_to}, '');
		$self->{read_to} = 0;
		sysread($self->{socket}, $self->{unread}, 65536, length $self->{unread})
		  or die "the server has closed the connection\n";
	}
	return;
}

# Ends the session, after the server has done with it.
sub quit
{
	my ($self) = @_;
	$self->_write(_message('X', ''));
	1 while sysread $self->{socket}, my $rest, 65536;
	close $self->{socket};
	return;
}

1;
