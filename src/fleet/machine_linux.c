#include "fleet/machine.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 512, INTERFACES_MAX = 32, CPU_TIMES = 8 };

/* The columns of "cpu" in /proc/stat (proc(5)); guests are in user and nice already. */
enum { CPU_IDLE = 3, CPU_IOWAIT = 4, CPU_STEAL = 7 };

static const double BITS_PER_MBIT = 1e6, BITS_A_BYTE = 8, US_PER_S = 1e6;

struct interface {
    char name[MACHINE_NAME_BYTES];
    uint64_t received_bytes, sent_bytes;
};

/* All that counts up, at one moment. A flag says whether the system told it. */
struct counters {
    uint64_t cpu[CPU_TIMES]; /* ticks of all cores */
    uint64_t throttled_us, swapped_in_pages;
    uint64_t memory_bytes, available_bytes; /* these do not count up */
    struct interface interfaces[INTERFACES_MAX];
    size_t interface_count;
    bool has_cpu, has_throttled, has_swapped, has_available;
};

struct machine_probe {
    char *root; /* owned */
    struct counters last;
    uint64_t last_ns; /* 0: not read yet */
};

struct machine_probe *machine_probe_new(const char *root)
{
    struct machine_probe *probe = x_calloc(1, sizeof *probe);

    probe->root = x_strdup(root);
    return probe;
}

void machine_probe_free(struct machine_probe *probe)
{
    if (!probe)
        return;
    free(probe->root);
    free(probe);
}

/* --- files of lines --- */

typedef void (*line_fn)(struct counters *counters, const char *line);

static void each_line(const struct machine_probe *probe, const char *path, line_fn take,
                      struct counters *counters)
{
    char *name = x_asprintf("%s%s", probe->root, path), line[LINE_BYTES];
    FILE *file = fopen(name, "re");

    while (file && fgets(line, sizeof line, file))
        take(counters, line);
    if (file)
        (void)fclose(file);
    free(name);
}

static void take_stat(struct counters *counters, const char *line)
{
    uint64_t *cpu = counters->cpu;

    if (!counters->has_cpu && strncmp(line, "cpu ", 4) == 0)
        counters->has_cpu = sscanf(line + 4,
                                   "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                                   " %" SCNu64 " %" SCNu64 " %" SCNu64,
                                   &cpu[0], &cpu[1], &cpu[2], &cpu[3], &cpu[4], &cpu[5], &cpu[6],
                                   &cpu[7]) == CPU_TIMES;
}

static void take_memory(struct counters *counters, const char *line)
{
    uint64_t kib;

    if (sscanf(line, "MemTotal: %" SCNu64, &kib) == 1)
        counters->memory_bytes = kib << 10;
    if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1) {
        counters->available_bytes = kib << 10;
        counters->has_available = true;
    }
}

static void take_swap(struct counters *counters, const char *line)
{
    if (sscanf(line, "pswpin %" SCNu64, &counters->swapped_in_pages) == 1)
        counters->has_swapped = true;
}

static void take_throttled(struct counters *counters, const char *line)
{
    if (sscanf(line, "throttled_usec %" SCNu64, &counters->throttled_us) == 1)
        counters->has_throttled = true;
}

/* "  eth0: 31628670 2820 …": bytes received first, bytes sent ninth. */
static void take_interface(struct counters *counters, const char *line)
{
    struct interface *interface = &counters->interfaces[counters->interface_count];
    char name[MACHINE_NAME_BYTES];

    if (counters->interface_count == INTERFACES_MAX ||
        sscanf(line, " %31[^: ]: %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, name,
               &interface->received_bytes, &interface->sent_bytes) != 3 ||
        strcmp(name, "lo") == 0)
        return;
    (void)memcpy(interface->name, name, sizeof name);
    counters->interface_count++;
}

static void read_counters(const struct machine_probe *probe, struct counters *counters)
{
    *counters = (struct counters){0};
    each_line(probe, "/proc/stat", take_stat, counters);
    each_line(probe, "/proc/meminfo", take_memory, counters);
    each_line(probe, "/proc/vmstat", take_swap, counters);
    each_line(probe, "/proc/net/dev", take_interface, counters);
    each_line(probe, "/sys/fs/cgroup/cpu.stat", take_throttled, counters);
}

/* --- what happened between two moments --- */

/* Counters of the system have been seen to go back. */
static double grown(uint64_t now, uint64_t before)
{
    return now > before ? (double)(now - before) : 0;
}

static void add_cpu(struct machine_sample *sample, const struct counters *now,
                    const struct counters *before, double own_cores)
{
    double all = 0, idle, used;

    if (!now->has_cpu || !before->has_cpu)
        return;
    for (int i = 0; i < CPU_TIMES; i++)
        all += grown(now->cpu[i], before->cpu[i]);
    if (all <= 0)
        return;
    idle = grown(now->cpu[CPU_IDLE], before->cpu[CPU_IDLE]) +
           grown(now->cpu[CPU_IOWAIT], before->cpu[CPU_IOWAIT]);
    sample->figures[MACHINE_CPU_BUSY] = (all - idle) / all;
    sample->figures[MACHINE_CPU_STOLEN] = grown(now->cpu[CPU_STEAL], before->cpu[CPU_STEAL]) / all;
    used = (sample->figures[MACHINE_CPU_BUSY] - sample->figures[MACHINE_CPU_STOLEN]) *
           (double)sample->core_count;
    sample->figures[MACHINE_CPU_OTHERS] = used > own_cores ? used - own_cores : 0;
}

/* 0: it does not say, as most virtual ones. */
static uint64_t read_speed(const struct machine_probe *probe, const char *name)
{
    char *path = x_asprintf("%s/sys/class/net/%s/speed", probe->root, name);
    FILE *file = fopen(path, "re");
    long mbit = 0;

    if (file && fscanf(file, "%ld", &mbit) != 1)
        mbit = 0;
    if (file)
        (void)fclose(file);
    free(path);
    return mbit > 0 ? (uint64_t)((double)mbit * BITS_PER_MBIT) : 0;
}

static const struct interface *find_interface(const struct counters *counters, const char *name)
{
    for (size_t i = 0; i < counters->interface_count; i++) {
        if (strcmp(counters->interfaces[i].name, name) == 0)
            return &counters->interfaces[i];
    }
    return NULL;
}

/* Full duplex: the busier direction counts. */
static void add_network(struct machine_sample *sample, const struct machine_probe *probe,
                        const struct counters *now, double seconds)
{
    for (size_t i = 0; i < now->interface_count; i++) {
        const struct interface *interface = &now->interfaces[i];
        const struct interface *before = find_interface(&probe->last, interface->name);
        uint64_t bits_per_s = before ? read_speed(probe, interface->name) : 0;
        double share;

        if (bits_per_s == 0)
            continue;
        share = fmax(grown(interface->received_bytes, before->received_bytes),
                     grown(interface->sent_bytes, before->sent_bytes)) *
                BITS_A_BYTE / seconds / (double)bits_per_s;
        if (!isnan(sample->figures[MACHINE_NETWORK]) && share <= sample->figures[MACHINE_NETWORK])
            continue;
        sample->figures[MACHINE_NETWORK] = share;
        (void)memcpy(sample->interface, interface->name, sizeof sample->interface);
        sample->bits_per_s = bits_per_s;
    }
}

static void compare(struct machine_sample *sample, const struct machine_probe *probe,
                    const struct counters *now, double own_cores, double seconds)
{
    const struct counters *before = &probe->last;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    *sample = (struct machine_sample){.core_count = cores > 0 ? (uint32_t)cores : 0,
                                      .memory_bytes = now->memory_bytes};
    for (int i = 0; i < MACHINE_FIGURE_COUNT; i++)
        sample->figures[i] = (double)NAN;
    add_cpu(sample, now, before, own_cores);
    /* Summed over processors: above 1 where several were held back. */
    if (now->has_throttled && before->has_throttled)
        sample->figures[MACHINE_CPU_THROTTLED] =
            fmin(1, grown(now->throttled_us, before->throttled_us) / (seconds * US_PER_S));
    if (now->has_available && now->memory_bytes > 0)
        sample->figures[MACHINE_MEMORY_USED] =
            1 - (double)now->available_bytes / (double)now->memory_bytes;
    if (now->has_swapped && before->has_swapped)
        sample->figures[MACHINE_SWAP_IN] = grown(now->swapped_in_pages, before->swapped_in_pages) *
                                           (double)sysconf(_SC_PAGESIZE) / seconds;
    add_network(sample, probe, now, seconds);
}

bool machine_probe_read(struct machine_probe *probe, double own_cores, uint64_t now_ns,
                        struct machine_sample *sample)
{
    bool has_before = probe->last_ns > 0 && now_ns > probe->last_ns;
    struct counters now;

    read_counters(probe, &now);
    if (has_before)
        compare(sample, probe, &now, own_cores,
                (double)(now_ns - probe->last_ns) / (double)CLOCK_NS_PER_S);
    probe->last = now;
    probe->last_ns = now_ns;
    return has_before;
}
