"use strict";
// Functions that the scripts of all pages share.

const $ = (id) => document.getElementById(id);

/** Returns an element with attributes and children; strings become text nodes, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
