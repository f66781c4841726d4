"use strict";
/* What all parts share: the data, figures for people, and elements made without ever parsing text. */
const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);

/* Names come from outside. They are only ever set as text, and what would reorder or hide what stands around
   it is shown as its code. */
function shown(text) {
  const short = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\u001b": "\\e" };
  return String(text).replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    c => short[c] || "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0")
  );
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const name in attributes || {}) {
    if (attributes[name] !== null && attributes[name] !== undefined)
      element.setAttribute(name, attributes[name]);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
function draw(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  if (text !== undefined) element.textContent = text;
  return element;
}

function count(n) {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}
function three(x) {
  if (x === 0) return "0";
  return x >= 99.95 ? count(x) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2);
}
function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return (unit === 0 || Number.isInteger(n) ? count(n) : three(n)) + "\u00a0" + units[unit];
}
/* Seconds. */
function time(s) {
  const round = x =>
    three(x)
      .replace(/(\.\d*?)0+$/, "$1")
      .replace(/\.$/, "");
  if (s === 0) return "0\u00a0s";
  if (s < 1e-3) return round(s * 1e6) + "\u00a0\u00b5s";
  if (s < 1) return round(s * 1e3) + "\u00a0ms";
  if (s < 120) return round(s) + "\u00a0s";
  if (s < 7200)
    return (
      Math.floor(Math.round(s) / 60) +
      "\u00a0min" +
      (Math.round(s) % 60 ? " " + (Math.round(s) % 60) + "\u00a0s" : "")
    );
  return round(s / 3600) + "\u00a0h";
}
function share(part, whole) {
  if (!whole) return "\u2013";
  const percent = (100 * part) / whole;
  if (percent > 0 && percent < 0.1) return "<\u00a00.1\u00a0%";
  if (percent > 99.9 && percent < 100) return ">\u00a099.9\u00a0%";
  return (percent === 0 || percent === 100 ? percent : percent.toFixed(1)) + "\u00a0%";
}
const plural = (n, one, many) => count(n) + "\u00a0" + (n === 1 ? one : many || one + "s");
const text = index => shown(data.strings[index]);
function base(path) {
  return path.replace(/^.*\/(?=[^/])/, "");
}

/* A place in the program, as one line. */
function frameName(index) {
  const frame = data.frames[index],
    first = frame[2];
  if (first !== undefined && first >= 0) return text(first);
  return frame[0] >= 0 ? base(text(frame[0])) + "+" + frame[1] : frame[1];
}

/* Step of an axis: 1, 2 or 5 times a power of ten. */
function niceStep(range, most) {
  const raw = range / Math.max(1, most),
    power = Math.pow(10, Math.floor(Math.log10(raw)));
  for (const step of [1, 2, 5, 10]) if (step * power >= raw) return step * power;
  return 10 * power;
}

/* The same for seconds, which people count by sixties. */
function timeStep(range, most) {
  const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];
  return range / most < 30
    ? niceStep(range, most)
    : steps.find(step => step >= range / most) || niceStep(range, most);
}

function colour(name) {
  return getComputedStyle(document.documentElement)
    .getPropertyValue("--" + name)
    .trim();
}
