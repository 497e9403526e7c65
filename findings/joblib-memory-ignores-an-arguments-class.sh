#!/usr/bin/env bash
# joblib 1.6.0: Memory returns the cached result of another network after its class was edited.
#
# Guess:  Memory hashes the arguments "by content", so a network whose forward pass was changed is another
#         argument, and the measurement is computed again. (That the code of functions called by the
#         cached one is not looked at is documented; an argument's class is no such function.)
# Seen:   the hash pickles the argument, and a pickle names the class and holds only its attributes. With
#         the same weights and another forward pass, the first network's loss comes back, also in a new
#         process.
# Matters: whoever keeps measurements of networks in joblib.Memory and edits the architecture reads old
#         numbers. The parameters have the same shapes, so nothing else notices.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder/packages" "joblib==1.6.0" 2>/dev/null
cd "$folder"
cat > measure.py <<'PYTHON'
import joblib
from network import Network

memory = joblib.Memory("cache", verbose=0)


@memory.cache
def measure(network):
    return network.loss(3.0)


network = Network(2.0)
print(measure(network), network.loss(3.0))
PYTHON

run() {  # The formula of the network's loss -> what the cache says and what is true.
    cat > network.py <<PYTHON
class Network:
    def __init__(self, weight):
        self.weight = weight

    def loss(self, x):
        return $1
PYTHON
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$folder/packages:$folder" python3 measure.py
}

first=$(run "self.weight * x")
second=$(run "(self.weight * x) ** 2")
echo "joblib 1.6.0"
echo "  loss weight * x:        cached and true: $first"
echo "  loss (weight * x) ** 2: cached and true: $second"
if [ "$first" != "6.0 6.0" ] || [ "$second" != "6.0 36.0" ]; then
    echo "joblib behaves otherwise than recorded here"
    exit 1
fi
