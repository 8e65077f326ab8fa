"""Graphs: the karate club of networkx (Debian's python3-networkx), with weights and sides."""
import networkx
import torch


def cases():
    club = networkx.karate_club_graph()
    edges = sorted((min(a, b), max(a, b), w) for a, b, w in club.edges(data="weight"))
    yield {
        "name": "karate club",
        "edges": torch.tensor(edges, dtype=torch.int32),
        "sides": torch.tensor([int(club.nodes[i]["club"] == "Officer") for i in range(len(club))], dtype=torch.int32),
    }
