"""Making the synthesis asset from a gallery of faces. Needs the train extra; nothing at run time imports it."""
