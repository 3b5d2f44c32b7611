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

"""The catalogs of translations: brought up to date, compiled, and looked through.

``python -m kaopu_ha_dashboard.test.catalogs`` takes every text of the program into each catalog,
and compiles them; what lacks is left empty, to be translated.  With ``--check`` it changes nothing
and says what lacks.  English is the texts themselves.
"""

import datetime
import io
import pathlib
import sys

from babel.messages import catalog, extract, mofile, pofile
from django.conf import settings
from django.utils.translation import template

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
LANGUAGES = ('en', 'zh_Hans')
_KEYWORDS = {
    **dict.fromkeys(('_', 'gettext', 'gettext_lazy'), None),
    **dict.fromkeys(('ngettext', 'ngettext_lazy'), (1, 2)),
    **dict.fromkeys(('pgettext', 'pgettext_lazy'), ((1, 'c'), 2)),
    **dict.fromkeys(('npgettext', 'npgettext_lazy'), ((1, 'c'), 2, 3))}
_WIDTH = 100


def texts():
    """A catalog with every text of the program, without translations."""
    found = catalog.Catalog(project='kaopu-ha-dashboard', charset='utf-8')
    for path in sorted(PACKAGE.rglob('*.py')) + sorted(PACKAGE.rglob('*.html')):
        if 'test' in path.relative_to(PACKAGE).parts:
            continue
        source = path.read_text()
        if path.suffix == '.html':
            source = template.templatize(source, origin=str(path))
        for _, message, comments, context in extract.extract(
                'python', io.BytesIO(source.encode()), keywords=_KEYWORDS):
            found.add(message, None, [(path.relative_to(PACKAGE).as_posix(), None)],
                      auto_comments=comments, context=context)
    return found


def place(language, kind='po'):
    """The file of a language."""
    return PACKAGE / 'locale' / language / 'LC_MESSAGES' / f'django.{kind}'


def updated(language):
    """Its catalog with every text of the program and no other; English is whole by itself."""
    path = place(language)
    found = catalog.Catalog(
        locale=language, charset='utf-8', project='kaopu-ha-dashboard', version='1',
        header_comment='# Licensed as the program is: Apache-2.0.', fuzzy=False,
        last_translator='Kaopu HA maintainers', language_team=language, msgid_bugs_address='-')
    if path.exists():
        with path.open('rb') as file:
            found = pofile.read_po(file, locale=language)
    found.update(texts(), no_fuzzy_matching=True)
    found.obsolete.clear()
    if language == 'en':
        for message in found:
            if message.id:
                message.string = message.id
    return found


def lacking(found):
    """The texts that are not translated."""
    return [message.id for message in found if message.id and not _is_whole(message)]


def _is_whole(message):
    told = message.string if isinstance(message.string, tuple) else (message.string,)
    return all(told) and not message.fuzzy


def written(found):
    """A catalog as a file of texts."""
    file = io.BytesIO()
    # Who changed it when git knows.
    found.creation_date = found.revision_date = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    pofile.write_po(file, found, width=_WIDTH, sort_output=True)
    return file.getvalue()


def compiled(found):
    """The same as a file for programs."""
    file = io.BytesIO()
    mofile.write_mo(file, found)
    return file.getvalue()


def said(found):
    """What a catalog says for each text."""
    return {(message.context, _one(message.id)): _one(message.string)
            for message in found if message.id}


def _one(text):
    """The forms of a text by number, as the one reader gives them and the other."""
    return tuple(text) if isinstance(text, list) else text


def main(words):
    """Bring them up to date, or say what is wrong; the exit code."""
    settings.configure()
    wrong = 0
    for language in LANGUAGES:
        found = updated(language)
        for text in lacking(found):
            wrong = 1
            print(f'{language}: not translated: {text!r}')
        for kind, write, read in (('po', written, pofile.read_po),
                                  ('mo', compiled, mofile.read_mo)):
            path, content = place(language, kind), write(found)
            if '--check' not in words:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            elif not path.exists() or said(read(io.BytesIO(path.read_bytes()))) != said(found):
                wrong = 1
                print(f'{path.name} of {language} is not up to date: python -m '
                      f'kaopu_ha_dashboard.test.catalogs')
    return wrong


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
