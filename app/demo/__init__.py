"""The demo: invented people on real communes, past months and one played by the program itself."""
