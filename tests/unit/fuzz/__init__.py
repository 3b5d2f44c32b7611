#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.


"""What another machine may write, or a person in haste, thrown at those who read it.

Whatever it is, a reader gives a value or raises what its port promises; anything else would stop a
turn, and with it every other host.  A few thousand inputs in each run of the tests;
``KAOPU_FUZZ=100000`` has more.
"""

import os

from hypothesis import settings
from hypothesis import strategies as st

_EXAMPLES = int(os.environ.get('KAOPU_FUZZ', '1000'))


def thrown(share=1.0):
    """So many inputs; ``share`` less for what takes long."""
    return settings(max_examples=max(int(_EXAMPLES * share), 1), deadline=None, database=None,
                    derandomize=_EXAMPLES <= 1000)


# Texts with what breaks readers: half characters, controls, scopes, directions, very long ones.
texts = st.one_of(
    st.text(st.characters(), max_size=30),
    st.sampled_from(['', '\x00', '\ud800', '\u202e', 'fe80::1%eth0', '10.0.0.300', '[::1]:0/1',
                     '../..', 'x' * 9000, '1e999', 'NaN', '-1', '2026-01-01', 'a b\nc']))
numbers = st.one_of(st.integers(), st.integers(-2, 300), st.floats(),
                    st.sampled_from([10 ** 400, -10 ** 40, 2 ** 63, 1e308]))
atoms = st.one_of(st.none(), st.booleans(), numbers, texts)
json_values = st.recursive(atoms, lambda inner: st.one_of(
    st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=5)), max_leaves=12)


def _places(data, place=()):
    """Every place in a JSON value, by the names and numbers that lead there."""
    yield place
    found = data.items() if isinstance(data, dict) else (
        enumerate(data) if isinstance(data, list) else ())
    for name, inner in found:
        yield from _places(inner, (*place, name))


def _with(data, place, value):
    if not place:
        return value
    first, *rest = place
    changed = dict(data) if isinstance(data, dict) else list(data)
    changed[first] = _with(changed[first], rest, value)
    return changed


@st.composite
def spoiled(draw, wholes):
    """One of these JSON values with something else at some of its places."""
    data = draw(st.sampled_from(wholes))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(sorted(_places(data), key=repr)))
        data = _with(data, place, draw(json_values))
    return data
