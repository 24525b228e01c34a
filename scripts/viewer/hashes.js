// The hashes of TensorFlow's text operations, of bytes, in 64 bits: BigInt.
// farmhash (na::Hash64: to_hash_bucket_fast), SipHash-2-4 (to_hash_bucket_strong), tensorflow/core/platform/fingerprint.h.
'use strict';

const Hashes = (function () {
  const K0 = 0xc3a5c85c97cb3127n, K1 = 0xb492b66fbe98f273n, K2 = 0x9ae16a3b2f90404fn;
  const u64 = value => BigInt.asUintN(64, value);
  const rotate = (value, by) => u64(value >> by | value << 64n - by); // to the right
  const left = (value, by) => rotate(value, 64n - by);
  const mix = value => value ^ value >> 47n;

  function fetch(bytes, at, size = 8) {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[at + i]);
    return value;
  }
  function pair(u, v, mul) {
    const a = mix(u64((u ^ v) * mul)), b = mix(u64((v ^ a) * mul));
    return u64(b * mul);
  }
  function short(bytes) { // of at most 16
    const size = bytes.length, length = BigInt(size), mul = u64(K2 + length * 2n);
    if (size >= 8) {
      const a = u64(fetch(bytes, 0) + K2), b = fetch(bytes, size - 8);
      return pair(u64(rotate(b, 37n) * mul + a), u64((rotate(a, 25n) + b) * mul), mul);
    }
    if (size >= 4) return pair(length + (fetch(bytes, 0, 4) << 3n), fetch(bytes, size - 4, 4), mul);
    if (!size) return K2;
    const y = BigInt(bytes[0]) + (BigInt(bytes[size >> 1]) << 8n), z = length + (BigInt(bytes[size - 1]) << 2n);
    return u64(mix(u64(y * K2) ^ u64(z * K0)) * K2);
  }
  function middle(bytes) { // of 17 to 64
    const size = bytes.length, mul = u64(K2 + BigInt(size) * 2n), long = size > 32;
    const a = u64(fetch(bytes, 0) * (long ? K2 : K1)), b = fetch(bytes, 8);
    const c = u64(fetch(bytes, size - 8) * mul), d = u64(fetch(bytes, size - 16) * K2);
    const y = u64(rotate(u64(a + b), 43n) + rotate(c, 30n) + d), z = pair(y, u64(a + rotate(u64(b + K2), 18n) + c), mul);
    if (!long) return z;
    const e = u64(fetch(bytes, 16) * mul), f = fetch(bytes, 24);
    const g = u64((y + fetch(bytes, size - 32)) * mul), h = u64((z + fetch(bytes, size - 24)) * mul);
    return pair(u64(rotate(u64(e + f), 43n) + rotate(g, 30n) + h), u64(e + rotate(u64(f + a), 18n) + g), mul);
  }
  function weak(bytes, at, first, second) {
    const [w, x, y, z] = [0, 8, 16, 24].map(by => fetch(bytes, at + by));
    let a = u64(first + w), b = rotate(u64(second + a + z), 21n);
    const c = a;
    a = u64(a + x + y);
    b = u64(b + rotate(a, 44n));
    return [u64(a + z), u64(b + c)];
  }

  function farm(bytes) {
    const size = bytes.length;
    if (size <= 64) return size <= 16 ? short(bytes) : middle(bytes);
    let x = 81n, y = u64(81n * K1 + 113n), z = u64(mix(u64(y * K2 + 113n)) * K2), v = [0n, 0n], w = [0n, 0n];
    const round = (at, mul, nine) => {
      x = u64(rotate(u64(x + y + v[0] + fetch(bytes, at + 8)), 37n) * mul);
      y = u64(rotate(u64(y + v[1] + fetch(bytes, at + 48)), 42n) * mul);
      x ^= u64(w[1] * nine);
      y = u64(y + v[0] * nine + fetch(bytes, at + 40));
      z = u64(rotate(u64(z + w[0]), 33n) * mul);
      v = weak(bytes, at, u64(v[1] * mul), u64(x + w[0]));
      w = weak(bytes, at + 32, u64(z + w[1]), u64(y + fetch(bytes, at + 16)));
      [z, x] = [x, z];
    };
    x = u64(x * K2 + fetch(bytes, 0));
    const end = Math.floor((size - 1) / 64) * 64;
    for (let at = 0; at < end; at += 64) round(at, K1, 1n);
    const mul = u64(K1 + ((z & 0xffn) << 1n));
    w[0] = u64(w[0] + BigInt(size - 1 & 63));
    v[0] = u64(v[0] + w[0]);
    w[0] = u64(w[0] + v[0]);
    round(end + (size - 1 & 63) - 63, mul, 9n);
    return pair(u64(pair(v[0], w[0], mul) + mix(y) * K0 + z), u64(pair(v[1], w[1], mul) + x), mul);
  }

  function sip(bytes, [first, second]) {
    const k0 = u64(BigInt(first)), k1 = u64(BigInt(second));
    let a = k0 ^ 0x736f6d6570736575n, b = k1 ^ 0x646f72616e646f6dn, c = k0 ^ 0x6c7967656e657261n, d = k1 ^ 0x7465646279746573n;
    const rounds = count => {
      for (let i = 0; i < count; i++) {
        a = u64(a + b); b = left(b, 13n) ^ a; a = left(a, 32n);
        c = u64(c + d); d = left(d, 16n) ^ c;
        a = u64(a + d); d = left(d, 21n) ^ a;
        c = u64(c + b); b = left(b, 17n) ^ c; c = left(c, 32n);
      }
    };
    const take = word => { d ^= word; rounds(2); a ^= word; };
    const whole = bytes.length - bytes.length % 8;
    for (let at = 0; at < whole; at += 8) take(fetch(bytes, at));
    take(fetch(bytes, whole, bytes.length - whole) | BigInt(bytes.length & 0xff) << 56n);
    c ^= 0xffn;
    rounds(4);
    return a ^ b ^ c ^ d;
  }

  // One hash of two, which depends on their order.
  function joined(one, other) {
    const mul = 0xc6a4a7935bd1e995n;
    let result = one ^ mul;
    result ^= u64(mix(u64(other * mul)) * mul);
    result = u64(result * mul);
    return mix(u64(mix(result) * mul));
  }

  return {farm, sip, joined};
})();
