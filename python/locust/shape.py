"""LoadTestShape: how many users there are, decided by the script second by second."""

import time


class LoadTestShape:
    """Subclass it in a script and define tick(); the run then ignores -u and -r.

    `runner` is the runner of the run. `use_common_options`: the class reads users, spawn rate and
    run time itself, from runner.environment.parsed_options.
    """

    runner = None
    abstract = True
    use_common_options = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "abstract" not in cls.__dict__:
            cls.abstract = False

    def __init__(self):
        self.start_time = time.perf_counter()

    def reset_time(self):
        """Count the run time from now."""
        self.start_time = time.perf_counter()

    def get_run_time(self):
        """Seconds since the test began."""
        return time.perf_counter() - self.start_time

    def get_current_user_count(self):
        """Users running now, in all processes."""
        return self.runner.user_count

    def tick(self):
        """Asked about once a second: (users, users per second) or (…, …, [User classes]).

        None ends the run.
        """
        return None
