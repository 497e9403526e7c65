"""Write the list of the versions of all remembered code: ``python -m tests.write_versions``."""

import json

from tests.landscape.store.test_code_versions import GOLDEN, current

if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(current(), indent=1) + "\n", encoding="utf-8")
    print(f"{GOLDEN}: {len(current())} versions")
