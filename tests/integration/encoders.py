"""Compressed bodies for the tests: gzip and deflate by Python, br by Node."""

import base64
import gzip
import json
import subprocess
import zlib

BROTLI_SCRIPT = """
const zlib = require('zlib')
const text = require('fs').readFileSync(0, 'utf8')
const pieces = JSON.parse(text).map(piece => Buffer.from(piece, 'base64'))
const stream = zlib.createBrotliCompress({params: {[zlib.constants.BROTLI_PARAM_QUALITY]: 5}})
const out = []
let current = []
stream.on('data', chunk => current.push(chunk))
const close = () => { out.push(Buffer.concat(current).toString('base64')); current = [] }
const next = () => {
  if (pieces.length === 0) { stream.end(); return }
  stream.write(pieces.shift())
  stream.flush(() => { close(); next() })
}
stream.on('end', () => { close(); console.log(JSON.stringify(out)) })
next()
"""


def brotli_pieces(pieces):
    """Each piece compressed and flushed, then what ends the whole."""
    words = json.dumps([base64.b64encode(piece).decode() for piece in pieces])
    done = subprocess.run(["node", "-e", BROTLI_SCRIPT], check=True, capture_output=True,
                          input=words.encode())
    return [base64.b64decode(each) for each in json.loads(done.stdout)]


def brotli(data):
    return b"".join(brotli_pieces([data]))


def zlib_pieces(pieces, window_bits):
    """The same of zlib; `window_bits` as zlib.compressobj has it."""
    packer = zlib.compressobj(wbits=window_bits)
    out = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*out, packer.flush()]


def gzip_pieces(pieces):
    return zlib_pieces(pieces, 31)


def deflate(data):
    return zlib.compress(data)


def bare_deflate(data):
    """Without the two bytes in front and the checksum behind."""
    return b"".join(zlib_pieces([data], -15))


gzip_bytes = gzip.compress
