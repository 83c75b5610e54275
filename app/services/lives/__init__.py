"""Deaths, people who move, areas that merge: what ends or moves the lists a person is on."""
