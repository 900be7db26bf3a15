// The header lines of a request whose head was accepted, as names and values: for both backends, since both keep the head
// as it was sent until somebody looks at it.

/** From a head of request line and header lines, each with its line end: name in lower case, value, name … */
export function splitHeaders(head: string): string[] {
  const headers: string[] = [];
  let at = head.indexOf('\r\n') + 2;
  for (let end = head.indexOf('\r\n', at); end > at; at = end + 2, end = head.indexOf('\r\n', at)) {
    const colon = head.indexOf(':', at);
    headers.push(head.slice(at, colon).toLowerCase(), trimSpace(head.slice(colon + 1, end)));
  }
  return headers;
}

/** Spaces and tabs only (RFC 9110 5.6.3): trim() would take a no-break space too. */
export function trimSpace(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && (value[from] === ' ' || value[from] === '\t')) from++;
  while (to > from && (value[to - 1] === ' ' || value[to - 1] === '\t')) to--;
  return from === 0 && to === value.length ? value : value.slice(from, to);
}
