// Exact integers out of JSON numbers.

/** More decimal digits than this come only from an attack or an exponent nobody meant. */
const kMostDigits = 100_000;

const kNumber = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

function inexact(message: string): RangeError {
  return Object.assign(new RangeError(message), { code: 'ERR_TAILRACE_JSON_NOT_INTEGER' });
}

/**
 * The exact value of a JSON number, also of one like 1.5e1.
 *
 * @throws RangeError when it is not an integer or has more than 100,000 digits
 */
export function exactInteger(text: string): bigint {
  const match = kNumber.exec(text);
  if (match === null) throw inexact('Not a JSON number');
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return 0n;
  const shift = Number(exponent) - fraction.length;
  const significant = digits.replace(/0+$/, '');
  const zeros = digits.length - significant.length + shift;
  if (zeros < 0) throw inexact('The JSON number is not an integer');
  if (significant.length + zeros > kMostDigits) throw inexact('The JSON number has too many digits');
  return BigInt(sign + significant + '0'.repeat(zeros));
}
