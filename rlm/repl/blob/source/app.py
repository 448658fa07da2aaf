"""The loader inside the component: CPython, its library, and nothing that knows what a job is.

There are no files at run time, so every module that may ever be imported is imported here.
The modules of the host arrive through `load`; they register handlers in `HANDLERS`.
"""

import importlib
import sys
import types

import wit_world

LIBRARY = """
abc argparse array ast asyncio atexit base64 binascii bisect builtins calendar cmath codecs
collections collections.abc colorsys concurrent.futures concurrent.futures.thread configparser
contextlib contextvars copy csv dataclasses datetime decimal difflib dis email email.message
email.parser email.utils encodings.ascii encodings.charmap encodings.cp1252 encodings.idna
encodings.latin_1 encodings.raw_unicode_escape encodings.unicode_escape encodings.utf_16
encodings.utf_8 encodings.utf_8_sig enum errno fnmatch fractions functools gc getopt glob graphlib
gzip hashlib heapq hmac html html.entities html.parser importlib importlib.util inspect io
ipaddress itertools json json.decoder json.encoder json.scanner keyword linecache locale logging
math mimetypes numbers opcode operator os os.path pathlib pickle platform pprint queue quopri
random re reprlib sched secrets select shlex shutil signal socket stat statistics string
string.templatelib struct subprocess sys tempfile textwrap threading time timeit token tokenize
tomllib traceback types typing unicodedata urllib urllib.error urllib.parse uuid warnings weakref
xml.dom.minidom xml.etree.ElementTree zipfile zlib zoneinfo _strptime
""".split()

MISSING = []
for _name in LIBRARY:
    try:
        importlib.import_module(_name)
    except Exception as error:  # what the platform lacks is no error here
        MISSING.append(f"{_name}: {error}")

gc = sys.modules["gc"]  # the image is frozen after this line: no garbage in it
gc.collect()

HANDLERS = {}


def _load(payload):
    """payload: name, a line feed, the module's source."""
    name, _, source = payload.partition("\n")
    module = types.ModuleType(name)
    module.__dict__.update(HANDLERS=HANDLERS, host=wit_world.host, read=wit_world.read,
                           host_bytes=wit_world.host_bytes, MISSING=MISSING)
    sys.modules[name] = module
    exec(compile(source, f"<{name}>", "exec", dont_inherit=True), module.__dict__)
    return ""


HANDLERS["load"] = _load


class WitWorld(wit_world.WitWorld):
    def call(self, name, payload):
        return HANDLERS[name](payload)
