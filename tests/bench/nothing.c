/* nothing.c - a function that does nothing: what is left is the cost of starting, waiting and recording */
int main(void)
{
    return 0;
}
