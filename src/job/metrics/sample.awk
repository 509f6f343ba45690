# Writes a header and, for each line on stdin, a row of CSV. A line is empty, or `begin` or `end`, the control group of a step
# and the name of its log, with tabs in between, or `quit`. Variables: `wall`, the seconds since 1970, `page`, the bytes of a
# page, `own_group`, a control group like those of the steps, or nothing, and `ended`, a file that gets a line at the end.
# Written for mawk, gawk and busybox. Numbers are floating point: `%d` ends at 31 bits in some.

function add(column, how, key, factor) {
    columns++
    name[columns] = column
    kind[columns] = how
    source[columns] = key
    scale[columns] = factor
}

# A gauge is written as it is, a counter as its rate, a time as its part of the time that has passed, and a share as its part of
# what its CPU has counted.
function gauge(column, key, factor) { if (key in now) add(column, "gauge", key, factor) }
function counter(column, key, factor) { if (key in now) add(column, "counter", key, factor) }
function time(column, key, factor) { if (key in now) add(column, "time", key, factor) }
function share(column, cpu, key) { if ((cpu " " key) in now) { add(column, "share", cpu " " key, 100); of[columns] = cpu } }

function read_uptime() {
    getline < "/proc/uptime"
    close("/proc/uptime")
    now["uptime"] = $1
}

function read_stat(    line, f, cpu) {
    while ((getline line < "/proc/stat") > 0) {
        if (line ~ /^cpu/) {
            split(line, f, " ")
            cpu = f[1]
            if (started && !(cpu in cpus)) continue
            now[cpu " user"] = f[2] + f[3]
            now[cpu " system"] = f[4] + f[7] + f[8]
            now[cpu " idle"] = f[5]
            now[cpu " iowait"] = f[6]
            now[cpu " steal"] = f[9]
            now[cpu " all"] = f[2] + f[3] + f[4] + f[5] + f[6] + f[7] + f[8] + f[9]
            if (!started && (cpu == "cpu" || counted++ < most_cpus)) { cpus[cpu] = 1; order[++in_order] = cpu }
        }
        # The line of the interrupts may have thousands of numbers: only its first is looked at.
        else if (line ~ /^intr /) now["intr"] = substr(line, 6) + 0
        else if (line ~ /^ctxt /) now["ctxt"] = substr(line, 6) + 0
        else if (line ~ /^processes /) now["forks"] = substr(line, 11) + 0
        else if (line ~ /^procs_running /) now["running"] = substr(line, 15) + 0
        else if (line ~ /^procs_blocked /) now["blocked"] = substr(line, 15) + 0
    }
    close("/proc/stat")
}

# The numbers behind so many words. Nothing is read beyond the last of them: the kernel counts all of `vmstat` anew for each block.
function read_words(file, prefix, count) {
    while (count > 0 && (getline < file) > 0) {
        if ((prefix $1) in wanted) { now[prefix $1] = $2 + 0; count-- }
    }
    close(file)
}

function read_load() {
    if ((getline < "/proc/loadavg") > 0) { now["load 1"] = $1; now["load 5"] = $2; now["load 15"] = $3 }
    close("/proc/loadavg")
}

# A kernel without pressure stall information has no such file, or one that cannot be read.
function read_pressure(resource,    file) {
    if (started && !(resource in pressures)) return
    file = "/proc/pressure/" resource
    while ((getline < file) > 0) {
        now["pressure " resource " " $1] = substr($5, 7) + 0
        pressures[resource] = 1
    }
    close(file)
}

function read_disks(    line, f, device, key) {
    while ((getline line < "/proc/diskstats") > 0) {
        split(line, f, " ")
        device = f[3]
        if (!started && is_disk(device)) { disks[device] = 1; disk_order[++disk_count] = device }
        if (!(device in disks)) continue
        key = "disk " device
        now[key " reads"] = f[4] + 0
        now[key " read"] = f[6] * 512
        now[key " writes"] = f[8] + 0
        now[key " written"] = f[10] * 512
        now[key " busy"] = f[13] + 0
    }
    close("/proc/diskstats")
}

# Partitions are part of their disk.
function is_disk(device,    file, found, line) {
    if (device ~ /^(loop|ram|zram|sr|fd)[0-9]/ || disk_count >= most_devices) return 0
    file = "/sys/block/" device "/stat"
    found = (getline line < file) > 0
    close(file)
    return found
}

function read_networks(    line, f, device) {
    while ((getline line < "/proc/net/dev") > 0) {
        if (!sub(/:/, " ", line)) continue
        split(line, f, " ")
        device = f[1]
        # One that never carried anything is not in use.
        if (!started && network_count < most_devices && (device == "lo" || f[2] + f[10] > 0)) { networks[device] = 1; network_order[++network_count] = device }
        if (!(device in networks)) continue
        now["net " device " received"] = f[2] + 0
        now["net " device " received packets"] = f[3] + 0
        now["net " device " sent"] = f[10] + 0
        now["net " device " sent packets"] = f[11] + 0
    }
    close("/proc/net/dev")
}

function read_frequencies(    n, file, sum, count) {
    for (n = 0; n < most_frequencies; n++) {
        if (started && !(("cpu" n " mhz") in now)) break
        file = "/sys/devices/system/cpu/cpu" n "/cpufreq/scaling_cur_freq"
        if ((getline < file) > 0) { now["cpu" n " mhz"] = $1 / 1000; sum += $1 / 1000; count++ }
        close(file)
        if (!count) break
    }
    if (count) now["mhz"] = sum / count
}

function read_group(path) {
    read_number(path "/memory.current", "step memory")
    read_number(path "/memory.peak", "step peak")
    read_number(path "/pids.current", "step processes")
    read_words(path "/cpu.stat", "step ", 3)
    read_group_io(path "/io.stat")
}

function read_number(file, key) {
    if ((getline < file) > 0) now[key] = $1 + 0
    close(file)
}

# The file is empty until the group has read or written something.
function read_group_io(file,    i, result) {
    if (started && !has_group_io) return
    now["step read"] = now["step written"] = 0
    while ((result = (getline < file)) > 0) {
        for (i = 2; i <= NF; i++) {
            if ($i ~ /^rbytes=/) now["step read"] += substr($i, 8)
            else if ($i ~ /^wbytes=/) now["step written"] += substr($i, 8)
        }
    }
    close(file)
    if (result < 0) { delete now["step read"]; delete now["step written"] }
    else has_group_io = 1
}

function forget_group(    i) {
    for (i = 1; i <= columns; i++) if (name[i] ~ /^step\./) { delete now[source[i]]; delete was[source[i]] }
}

function read_all() {
    read_stat()
    read_load()
    read_words("/proc/meminfo", "", 6)
    read_words("/proc/vmstat", "", 4)
    if ("MemAvailable:" in now) now["memory used"] = now["MemTotal:"] - now["MemAvailable:"]
    if ("SwapTotal:" in now) now["swap used"] = now["SwapTotal:"] - now["SwapFree:"]
    read_pressure("cpu")
    read_pressure("io")
    read_pressure("memory")
    read_disks()
    read_networks()
    read_frequencies()
    if (throttles || !started) { read_words("/sys/fs/cgroup/cpu.stat", "all ", 3); throttles = "all throttled_usec" in now }
    if (group != "") read_group(group)
    read_uptime()
}

function column_name(subject) {
    gsub(/[^A-Za-z0-9_.-]/, "_", subject)
    return subject
}

function describe(    i, cpu, device, resource, kinds) {
    for (i = 1; i <= in_order; i++) {
        cpu = order[i]
        share(cpu ".user_percent", cpu, "user")
        share(cpu ".system_percent", cpu, "system")
        share(cpu ".iowait_percent", cpu, "iowait")
        share(cpu ".steal_percent", cpu, "steal")
        if (cpu == "cpu") {
            share("cpu.idle_percent", cpu, "idle")
            counter("cpu.throttled_percent", "all throttled_usec", 0.0001)
            gauge("cpu.frequency_mhz", "mhz", 1)
        }
        else gauge(cpu ".frequency_mhz", cpu " mhz", 1)
    }
    gauge("load.1m_count", "load 1", 1)
    gauge("load.5m_count", "load 5", 1)
    gauge("load.15m_count", "load 15", 1)
    split("cpu io memory", kinds, " ")
    for (i = 1; i <= 3; i++) {
        resource = kinds[i]
        time("pressure." resource ".some_percent", "pressure " resource " some", 0.0001)
        time("pressure." resource ".full_percent", "pressure " resource " full", 0.0001)
    }
    gauge("memory.available_bytes", "MemAvailable:", 1024)
    gauge("memory.used_bytes", "memory used", 1024)
    gauge("memory.cached_bytes", "Cached:", 1024)
    gauge("memory.dirty_bytes", "Dirty:", 1024)
    gauge("swap.used_bytes", "swap used", 1024)
    counter("swap.in_bytes_per_s", "pswpin", page)
    counter("swap.out_bytes_per_s", "pswpout", page)
    for (i = 1; i <= disk_count; i++) {
        device = disk_order[i]
        counter(column_name("disk." device) ".read_bytes_per_s", "disk " device " read", 1)
        counter(column_name("disk." device) ".written_bytes_per_s", "disk " device " written", 1)
        counter(column_name("disk." device) ".reads_per_s", "disk " device " reads", 1)
        counter(column_name("disk." device) ".writes_per_s", "disk " device " writes", 1)
        time(column_name("disk." device) ".busy_percent", "disk " device " busy", 0.1)
    }
    for (i = 1; i <= network_count; i++) {
        device = network_order[i]
        counter(column_name("net." device) ".received_bytes_per_s", "net " device " received", 1)
        counter(column_name("net." device) ".sent_bytes_per_s", "net " device " sent", 1)
        counter(column_name("net." device) ".received_packets_per_s", "net " device " received packets", 1)
        counter(column_name("net." device) ".sent_packets_per_s", "net " device " sent packets", 1)
    }
    counter("system.context_switches_per_s", "ctxt", 1)
    counter("system.interrupts_per_s", "intr", 1)
    counter("system.forks_per_s", "forks", 1)
    counter("system.page_faults_per_s", "pgfault", 1)
    counter("system.major_page_faults_per_s", "pgmajfault", 1)
    gauge("system.runnable_count", "running", 1)
    gauge("system.blocked_count", "blocked", 1)
    counter("step.user_percent", "step user_usec", 0.0001)
    counter("step.system_percent", "step system_usec", 0.0001)
    counter("step.throttled_percent", "step throttled_usec", 0.0001)
    gauge("step.memory_bytes", "step memory", 1)
    gauge("step.memory_peak_bytes", "step peak", 1)
    gauge("step.processes_count", "step processes", 1)
    counter("step.read_bytes_per_s", "step read", 1)
    counter("step.written_bytes_per_s", "step written", 1)
}

function leave(ended,    i, left) {
    for (i = 1; i <= running; i++) if (steps[i] != ended) { steps[++left] = steps[i]; groups[left] = groups[i] }
    running = left + 0
}

function number(value) {
    if (value == 0) return "0"
    if (value >= 100) return sprintf("%.0f", value)
    if (value >= 10) return sprintf("%.1f", value)
    return sprintf("%.2f", value)
}

# Also notes what the counters stand at, for the row after it.
function row(    i, key, seconds, change, text, cpu) {
    seconds = now["uptime"] - was["uptime"]
    for (i = 1; i <= in_order; i++) {
        cpu = order[i]
        ticks[cpu] = now[cpu " all"] - was[cpu " all"]
        was[cpu " all"] = now[cpu " all"]
    }
    text = sprintf("%.2f,%.2f,%s", now["uptime"], wall + now["uptime"] - first, step)
    for (i = 1; i <= columns; i++) {
        key = source[i]
        text = text ","
        if (!(key in now)) continue
        if (kind[i] == "gauge") { text = text number(now[key] * scale[i]); continue }
        if (key in was) {
            change = (now[key] - was[key]) * scale[i]
            if (kind[i] == "share") { if (ticks[of[i]] > 0 && change >= 0) text = text number(change / ticks[of[i]]) }
            else if (seconds > 0 && change >= 0) {
                change /= seconds
                # The two clocks are not read at the same moment.
                text = text number(kind[i] == "time" && change > 100 ? 100 : change)
            }
        }
        was[key] = now[key]
    }
    was["uptime"] = now["uptime"]
    print text
    fflush()
}

BEGIN {
    most_cpus = 64
    most_frequencies = 16
    most_devices = 16
    # A row shorter than this that nobody needs is left out: its rates would be noise, for counters have a hundred ticks a second.
    least = 0.1
    split("MemTotal: MemAvailable: Cached: Dirty: SwapTotal: SwapFree: pgfault pgmajfault pswpin pswpout", words, " ")
    for (i in words) wanted[words[i]] = 1
    split("user_usec system_usec throttled_usec", words, " ")
    for (i in words) { wanted["step " words[i]] = 1; wanted["all " words[i]] = 1 }
    group = own_group
    read_all()
    describe()
    first = now["uptime"]
    was["uptime"] = first
    for (i = 1; i <= columns; i++) was[source[i]] = now[source[i]]
    for (i = 1; i <= in_order; i++) was[order[i] " all"] = now[order[i] " all"]
    group = ""
    forget_group()
    started = 1
    text = "uptime_s,unix_s,step"
    for (i = 1; i <= columns; i++) text = text "," name[i]
    print text
    fflush()
}

$0 == "quit" { exit }

{
    parts = split($0, part, "\t")
    read_all()
    # A step has a row, however short it is.
    if (now["uptime"] - was["uptime"] >= least || (part[1] == "end" && !rows)) { row(); rows++ }
    if (parts > 1) {
        forget_group()
        rows = 0
        if (part[1] == "begin") { steps[++running] = part[3]; groups[running] = part[2] }
        else leave(part[3])
        # Of two steps at the same time the one that began last.
        step = running ? steps[running] : ""
        group = running ? groups[running] : ""
        if (group != "") {
            read_group(group)
            for (i = 1; i <= columns; i++) if (name[i] ~ /^step\./ && source[i] in now) was[source[i]] = now[source[i]]
        }
    }
}

END { print "" > ended }
