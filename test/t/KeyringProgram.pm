# Runs the pii-keyring program for tests, and remembers what it said and which keys there are, so that the end of a
# test can look for the one in the other. PII_KEYRING names the program; without that it is looked for in PATH.

package KeyringProgram;

use strict;
use warnings;

use Exporter qw(import);
use File::Basename qw(basename);
use File::Temp qw(tempdir);
use IPC::Run qw();
use MIME::Base64 qw(decode_base64);
use Test::More;

our @EXPORT = qw($program $is_root $server_uid $server_gid $dir
  pii_keyring_of pii_keyring note_output succeeds is_refusal refuses slurp spew mode_of note_keys new_directory
  new_keyring entries is_untouched no_key_was_shown);

our $program = $ENV{PII_KEYRING} || 'pii-keyring';
our $is_root = $> == 0;

# Whoever the files belong to in the tests that only root can make: an id is enough.
our $server_uid = 65534;
our $server_gid = 65534;

our $dir = tempdir(CLEANUP => 1);

# Everything the program ever said, to be searched for keys at the end.
my $all_output = '';
my %all_keys;

sub pii_keyring_of
{
	my ($before, @arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ @$before, $program, @arguments ], '<', \undef, '>', \$out, '2>', \$err);
	my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	$all_output .= $out . $err;
	return ($status, $out, $err);
}

# Of a run that was started elsewhere.
sub note_output
{
	my (@texts) = @_;
	$all_output .= join('', @texts);
	return;
}

sub pii_keyring { return pii_keyring_of([], @_); }

sub succeeds
{
	my ($arguments, $pattern, $name) = @_;
	my ($status, $out, $err) = pii_keyring(@$arguments);
	is($status, 0, "$name: exit status 0") or diag($err);
	like($out, $pattern, "$name: output");
	return $out;
}

# A refusal is two lines on standard error, nothing on standard output. A hint may have further lines, indented.
sub is_refusal
{
	my ($status, $out, $err, $pattern, $name, $want_status) = @_;
	is($status, $want_status // 1, "$name: exit status");
	is($out, '', "$name: no output");
	like($err, qr/\Apii-keyring: (?![A-Z][a-z]).+\nhint: .+\n(?:  .+\n)*\z/, "$name: message and hint");
	like($err, $pattern, "$name: message");
	return;
}

sub refuses
{
	my ($arguments, $pattern, $name, $want_status) = @_;
	is_refusal(pii_keyring(@$arguments), $pattern, $name, $want_status);
	return;
}

sub slurp
{
	my ($file) = @_;
	open(my $handle, '<', $file) or die "$file: $!";
	local $/;
	my $text = <$handle>;
	close($handle);
	return $text;
}

sub spew
{
	my ($file, $text, $mode) = @_;
	open(my $handle, '>', $file) or die "$file: $!";
	print $handle $text;
	close($handle) or die "$file: $!";
	chmod($mode // oct(600), $file) or die "$file: $!";
	return;
}

sub mode_of { return (stat($_[0]))[2] & oct(7777); }

# Remembers the keys of a file, so that the end of the test can look for them.
sub note_keys
{
	my ($text) = @_;
	$all_keys{$_} = 1 foreach $text =~ m{"([A-Za-z0-9+/]{43}=)"}g;
	return;
}

# A keyring in a directory of its own.
my $count = 0;

sub new_directory
{
	my $new = "$dir/" . ++$count;
	mkdir($new, oct(755)) or die "$new: $!";
	return $new;
}

sub new_keyring
{
	my $file = new_directory() . '/keys.json';
	my ($status, $out, $err) = pii_keyring('init', $file);
	die "init $file: $err" if $status ne '0';
	return $file;
}

sub entries
{
	my ($path) = @_;
	opendir(my $handle, $path) or die "$path: $!";
	my @entries = sort grep { !/^\.\.?$/ } readdir($handle);
	closedir($handle);
	return \@entries;
}

# What a failed command must leave: the old bytes, and no other file.
sub is_untouched
{
	my ($file, $text, $name) = @_;
	ok(slurp($file) eq $text, "$name: the keyring is as it was");
	is_deeply(entries($file =~ s{/[^/]*$}{}r), [ basename($file) ], "$name: no other file");
	return;
}

# The end of a test: there were so many keys, and no part of one was ever written.
sub no_key_was_shown
{
	my ($least) = @_;
	cmp_ok(scalar(keys %all_keys), '>=', $least, 'there are keys to look for');
	my @shown = grep {
		my $key = $_;
		my $hex = unpack('H*', decode_base64($key));
		grep { index($all_output, $_) >= 0 } (substr($key, 0, 12), substr($key, 31), substr($hex, 0, 16))
	} keys %all_keys;
	is(scalar(@shown), 0, 'no beginning or end of a key was ever written');
	return;
}

1;
