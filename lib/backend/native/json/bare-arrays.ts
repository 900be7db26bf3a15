// What the core hands over in lists, and the arrays that values are built in, are filled by assignment: a setter or a
// read-only element that somebody put on Array.prototype would be asked, and another species would make something else
// of a slice. JSON.parse asks nobody, so texts go to it as long as such a thing stands there.

const kArray = Array.prototype;

/** Whether arrays can be filled without running anybody's code. */
export function arraysAreBare(): boolean {
  // Array.prototype is an array: whatever index is defined on it makes it longer.
  return kArray.length === 0 && kArray.constructor === Array && Array[Symbol.species] === Array;
}
