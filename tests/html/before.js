window.complaints = [];
addEventListener("error", event => complaints.push(String(event.message)));
addEventListener("securitypolicyviolation", event =>
  complaints.push("fetched: " + event.blockedURI + " " + event.violatedDirective)
);
for (const name of ["error", "warn"]) {
  const real = console[name];
  console[name] = (...words) => {
    complaints.push(words.join(" "));
    real.apply(console, words);
  };
}
