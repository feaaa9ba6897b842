"""CPU and memory of this process, for runner.current_cpu_usage and the events about them."""

import logging
import os
import resource
import time

logger = logging.getLogger("locust.runners")

CPU_MONITOR_INTERVAL = 5.0
CPU_WARNING_THRESHOLD = 90
PAGE_BYTES = resource.getpagesize()


class UsageMonitor:
    """Measures every CPU_MONITOR_INTERVAL seconds; CPU above the threshold is warned of once."""

    def __init__(self, runner):
        self._runner = runner
        self.cpu_pct = 0
        self.memory_bytes = 0
        self.has_warned = False
        self._measured = time.monotonic()
        self._cpu_s = _cpu_s()

    def sample(self):
        """Call it as often as you like."""
        now = time.monotonic()
        passed = now - self._measured
        if passed < CPU_MONITOR_INTERVAL:
            return
        used = _cpu_s()
        self.cpu_pct = round(100 * (used - self._cpu_s) / passed, 1)
        self.memory_bytes = _resident_bytes()
        self._measured, self._cpu_s = now, used
        environment = self._runner.environment
        environment.events.usage_monitor.fire(
            environment=environment, cpu_usage=self.cpu_pct, memory_usage=self.memory_bytes)
        if self.cpu_pct > CPU_WARNING_THRESHOLD:
            self._warn(environment)

    def _warn(self, environment):
        text = (f"CPU usage above {CPU_WARNING_THRESHOLD}%! This may constrain your throughput and "
                "may even give inconsistent response time measurements! Use --processes to spread "
                "the users over more cores.")
        environment.events.cpu_warning.fire(
            environment=environment, cpu_usage=self.cpu_pct, message=text,
            timestamp=time.time())
        if not self.has_warned:
            logger.warning(text)
            self.has_warned = True


def _cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident_bytes():
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except OSError:
        scale = 1 if os.uname().sysname == "Darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
