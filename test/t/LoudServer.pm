# LoudServer is a server that logs all that PostgreSQL can log, in its three formats, into files of its own.

package LoudServer;

use strict;
use warnings;

use parent 'PiiCluster';

use PostgreSQL::Test::Utils qw(slurp_file);
use Time::HiRes qw(usleep);

# A new server; `conf` as for PiiCluster::started. What depends on a session can be turned off in it.
sub started
{
	my ($class, $name, %params) = @_;
	$params{conf} = <<"CONF" . ($params{conf} // '');
shared_preload_libraries = 'auto_explain, pii, pg_stat_statements'
logging_collector = on
log_destination = 'stderr,csvlog,jsonlog'
log_directory = '../loud'
log_filename = 'server.log'
log_rotation_age = 0
log_rotation_size = 0
log_min_messages = debug5
log_min_error_statement = debug5
log_error_verbosity = verbose
log_statement = all
log_duration = on
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_lock_waits = on
deadlock_timeout = 20ms
log_temp_files = 0
log_parser_stats = on
log_planner_stats = on
log_executor_stats = on
log_replication_commands = on
log_connections = on
log_disconnections = on
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_nested_statements = on
auto_explain.log_buffers = on
auto_explain.log_wal = on
auto_explain.log_triggers = on
auto_explain.log_settings = on
auto_explain.log_level = log
CONF
	return $class->SUPER::started($name, %params);
}

sub log_file
{
	my ($self, $format) = @_;
	my %suffix = (stderr => 'log', csv => 'csv', json => 'json');
	return $self->root_dir . "/loud/server.$suffix{$format}";
}

# Where the log ends now: format => offset.
sub log_ends
{
	my ($self) = @_;
	return map { $_ => -s $self->log_file($_) || 0 } qw(stderr csv json);
}

# Waits until all three files have a line with `$words` behind the offsets; returns what is there, format => reference to it.
# Without costs (cost=10000000032.11) and without identifiers of statements, which have up to 20 random digits: a number that
# looks like personal data stands in them by chance.
sub logged_until
{
	my ($self, $words, %offsets) = @_;
	my %logged;
	foreach my $format (qw(stderr csv json))
	{
		my $text = '';
		for (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
		{
			$text .= slurp_file($self->log_file($format), $offsets{$format} + length $text);
			last if $text =~ /\Q$words\E.*\n/;
			usleep(10_000);
		}
		die "no '$words' in the log, format $format" unless $text =~ /\Q$words\E/;
		$text =~ s/\bcost=[\d.]+|"query_id":-?\d+|:queryId \d+|Query Identifier: -?\d+|"[a-z ]+",\d*,-?\d+$//gm;
		$logged{$format} = \$text;
	}
	return %logged;
}

1;
