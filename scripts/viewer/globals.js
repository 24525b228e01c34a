// Loaded first.  tf.min.js sets this global in strict mode; where it does not exist yet it falls back to eval, which
// the page's policy forbids.
var regeneratorRuntime;
