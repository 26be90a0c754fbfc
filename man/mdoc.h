/* mdoc.h - text for a manual page
 *
 * mdoc wants each sentence on a line of its own, and lines shorter than 80 characters. */
#ifndef JOBGATE_MAN_MDOC_H
#define JOBGATE_MAN_MDOC_H

/* Prints the text to standard output: wrapped, with nothing in it that means something to mdoc. */
void mdoc_text(const char *text);

#endif
