// What JSON.rawJSON makes, on Nodes that have it: an object without a prototype and with a member, which JSON.stringify writes as the
// text it was made of. Whoever walks a value must know it from other objects without a prototype.

type Test = (value: unknown) => boolean;

export const isRawJson: Test = (JSON as { isRawJSON?: Test }).isRawJSON ?? (() => false);
