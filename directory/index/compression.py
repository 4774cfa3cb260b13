"""Documents are kept compressed: a few hundred bytes of JSON each, mostly the same names and labels in every one.

The dictionary that both sides compress against is made from the code lists, in an order that does not depend on
anything else; raise `layout.LAYOUT_VERSION` when it changes.
"""

from __future__ import annotations

import functools
from typing import Final

import orjson
import zstandard

from directory import nomenclature

_LEVEL: Final = -1  # the dictionary does the work; higher levels take longer both ways and save little
# The most frequent contents stand last, where references to them are shortest.
_LISTS: Final = ("countries", "roles", "departments", "sectors", "expertises", "professions")
_SHAPES: Final = (
    b'{"key":"F","name":"CENTRE HOSPITALIER DE ","trade_name":null,"finess":"","legal_entity_finess":null,"siret":"",'
    b'"siren":null,"former_id":"1","sector":{"code":"SA07","label":"Cabinet individuel"},"address":{"lines":["RUE DE "]'
    b',"postal_code":"","city":"","commune":{"code":"","label":""},"department":{"code":"","label":""},"country":null,'
    b'"parts":{"recipient":"","location":"","distribution":"BP ","street_number":"1","street_repeat":"BIS",'
    b'"street_type":"Rue","street_name":"DE LA "}},'
    b'"phones":[""],"fax":null,"email":null,"mailboxes":[]}'
    b'{"address":"@medecin.mssante.fr","kind":"PER","domain":"mssante.fr","paperless":true,"trusted":true,"holders":'
    b'[{"national_id":"8109","rpps":"109","adeli":null,"civility":"Docteur","family_name":"MARTIN","given_name":"",'
    b'"profession":{"code":"60","label":"Infirmier"},"expertise":null,"organization":{"key":"F","name":"",'
    b'"trade_name":null,"identifier_type":"FINESS","identifier":""},"service":null,"address":null}],"created_at":'
    b'"2026-01-01T00:00:00+00:00","modified_at":"2026-01-01T00:00:00+00:00"}'
    b'{"national_id":"8109","rpps":"109","adeli":null,"civility":{"code":"MME","label":"Madame"},'
    b'"practice_civility":{"code":"DR","label":"Docteur"},"family_name":"MARTIN","given_name":"MARIE","professions":['
    b'{"profession":{"code":"10","label":"M\xc3\xa9decin"},"category":{"code":"C","label":"Civil"},"expertises":['
    b'{"code":"SM54","label":"M\xc3\xa9decine G\xc3\xa9n\xc3\xa9rale","type":{"code":"S","label":'
    b'"Sp\xc3\xa9cialit\xc3\xa9 ordinale"}}],"activities":[{"mode":{"code":"S","label":"Salari\xc3\xa9"},"sector":'
    b'{"code":"SA01","label":"Etablissement public de sant\xc3\xa9"},"role":null,"genre":{"code":"GENR01","label":'
    b'"Activit\xc3\xa9 de soin et de pharmacie"},"pharmacy_section":null,"organization":{"key":"F","name":'
    b'"CABINET DU DR ","finess":null,"siret":null},'
    b'"address":{"lines":["12 RUE DE LA "],"postal_code":"","city":"","commune":null,"department":'
    b'{"code":"","label":""},"country":null},"phones":["01"]}]}],"mailboxes":[{"address":"@medecin.mssante.fr","kind":'
    b'"PER","organization":null,"service":null,"paperless":true,"trusted":true,"organization_key":'
    b"null}]}"
)


@functools.cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    lists = (orjson.dumps(dict(nomenclature.codes(name))) for name in _LISTS)
    return zstandard.ZstdCompressionDict(b"".join((*lists, _SHAPES)), dict_type=zstandard.DICT_TYPE_RAWCONTENT)


@functools.cache
def _compressor() -> zstandard.ZstdCompressor:
    dictionary = _dictionary()
    dictionary.precompute_compress(level=_LEVEL)
    return zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=False, write_dict_id=False)


@functools.cache
def _decompressor() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary())


def compress(json: bytes) -> bytes:
    return _compressor().compress(json)


def decompress(stored: bytes | memoryview) -> bytes:
    return _decompressor().decompress(stored)
