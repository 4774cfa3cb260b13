"""The reactor of workers."""

from __future__ import annotations

import subprocess
import sys


def test_a_worker_that_has_imported_all_it_needs_still_gets_the_prompt_reactor() -> None:
    program = "import ldap_server.service, ldap_server.polling as p; print(type(p.reactor()).__name__)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "PromptReactor"
