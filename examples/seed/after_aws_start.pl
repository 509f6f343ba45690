#!/usr/bin/env perl
# The first script on the instance: makes sure that the others find what they need.
use strict;
use warnings;

my $version = $ENV{VERSION};
die "VERSION is not set; collect sets it to the revision\n" unless defined $version && length $version;

# Clear what an earlier rehearsal left, or its figures would be collected with ours. With --local, /tmp is everybody's:
# only the names that this example gives to its files are touched.
opendir my $tmp, '/tmp' or die "cannot read /tmp: $!\n";
for my $name (grep { /\A(?:w3af-\d+(?:\.gz)?|collector-seed-trace)\.cpu\z/ } readdir $tmp) {
    unlink "/tmp/$name" or die "cannot remove /tmp/$name, left by an earlier run: $!\n";
}
closedir $tmp;

# The trace comes home with the results, and shows which scripts ran and what VERSION they saw.
my $line = "after_aws_start.pl: phase $ENV{COLLECTOR_PHASE}, VERSION $version\n";
open my $trace, '>>', '/tmp/collector-seed-trace.cpu' or die "cannot write the trace: $!\n";
print $trace $line;
close $trace or die "cannot write the trace: $!\n";
print $line;

# A fresh image may lack the languages of the scripts that follow.
sub on_path {
    my ($program) = @_;
    return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

my @missing = grep { !on_path($_) } qw(python3 ruby);
if (@missing) {
    # Shortly after the boot another apt may still be at work: wait for it rather than fail.
    my @apt = qw(apt-get -q -y -o DPkg::Lock::Timeout=300);
    my @commands =
        on_path('apt-get') ? ([@apt, 'update'], [@apt, 'install', '--no-install-recommends', @missing])
      : on_path('dnf')     ? (['dnf', '-y', 'install', @missing])
      :                      ();
    die "missing: @missing. Install with this system's package manager, then try again\n"
      if $> != 0 || !@commands;

    $ENV{DEBIAN_FRONTEND} = 'noninteractive';
    for my $command (@commands) {
        print "@$command\n";
        system(@$command) == 0 or die "failed: @$command\n";
    }
}
