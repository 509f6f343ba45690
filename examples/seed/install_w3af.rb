#!/usr/bin/env ruby
# Installs the software that is to be measured, at the revision that is to be measured.

version = ENV.fetch("VERSION", "")
abort "VERSION is not set; collect sets it to the revision" if version.empty?

line = "install_w3af.rb: phase #{ENV["COLLECTOR_PHASE"]}, VERSION #{version}"
File.write("/tmp/collector-seed-trace.cpu", "#{line}\n", mode: "a")
puts line

# The current directory is the login user's home. To measure w3af itself, this would be:
#     system("git", "clone", "https://github.com/andresriancho/w3af.git", exception: true)
#     system("git", "checkout", version, chdir: "w3af", exception: true)
# The example has a workload of its own and only notes the revision, for run_w3af.py to compare.
Dir.mkdir("w3af") unless Dir.exist?("w3af")
File.write("w3af/revision", "#{version}\n")
